import { describeEmbeddingBag } from './embedding-bag.js';
import { describeEachEngine } from './engines.js';
import { describeGatherRows } from './gather-rows.js';
import { describeGatV2Attention } from './gatv2-attention.js';
import { describeInfoNce } from './info-nce.js';
import { describeMatMul } from './mat-mul.js';

describeEachEngine('gatV2Attention', describeGatV2Attention);
describeEachEngine('embeddingBag', describeEmbeddingBag);
describeEachEngine('gatherRows', describeGatherRows);
describeEachEngine('infoNce', describeInfoNce);
describeEachEngine('matMul', describeMatMul);
