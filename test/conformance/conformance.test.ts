import { describeElementwise } from './elementwise.js';
import { describeEmbeddingBag } from './embedding-bag.js';
import { describeEachEngine } from './engines.js';
import { describeGatV2Attention } from './gatv2-attention.js';
import { describeInfoNce } from './info-nce.js';
import { describeMatMul } from './mat-mul.js';
import { describeRowAdam } from './row-adam.js';

describeEachEngine('gatV2Attention', describeGatV2Attention);
describeEachEngine('embeddingBag', describeEmbeddingBag);
describeEachEngine('infoNce', describeInfoNce);
describeEachEngine('matMul', describeMatMul);
describeEachEngine('rowAdam', describeRowAdam);
describeEachEngine('elementwise', describeElementwise);
