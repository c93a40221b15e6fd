// All ops, built once for each instruction set: ISA names the variant and its namespace.
#include "../elementwise/native.h"
#include "../embedding-bag/native.h"
#include "../gatv2-attention/native.h"
#include "../info-nce/native.h"
#include "../mat-mul/native.h"
#include "../nearest-centroid/native.h"
#include "../row-adam/native.h"
#include "call.h"

namespace ISA {

static const Op ops[] = {
    elementwise_ops[0],   elementwise_ops[1], elementwise_ops[2], elementwise_ops[3],
    embedding_bag_ops[0], embedding_bag_ops[1],
    gatv2_ops[0],         gatv2_ops[1],
    info_nce_op,
    mat_mul_op,
    nearest_centroid_op,
    row_adam_ops[0],      row_adam_ops[1],    row_adam_ops[2],
};

extern const OpTable table;
const OpTable table = {ops, sizeof ops / sizeof ops[0]};

} // namespace ISA
