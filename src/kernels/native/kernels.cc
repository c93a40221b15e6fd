// All ops, built once for each instruction set: ISA names the variant and its namespace.
#include "../mat-mul/native.h"
#include "call.h"

namespace ISA {

static const Op ops[] = {
    mat_mul_op,
};

extern const OpTable table;
const OpTable table = {ops, sizeof ops / sizeof ops[0]};

} // namespace ISA
