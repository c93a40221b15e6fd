// Everything that goes into one image.
#include "../embedding-bag/cuda.cu"
#include "../gatv2-attention/cuda.cu"
#include "../info-nce/cuda.cu"
#include "../mat-mul/cuda.cu"
#include "../row-adam/cuda.cu"
#include "elementwise.cu"
