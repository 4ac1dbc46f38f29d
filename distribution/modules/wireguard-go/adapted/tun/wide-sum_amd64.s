#include "textflag.h"

// func wideSum(content *byte, length int) uint64
// Four sums of 64 bits in each of two registers: each word of 32 bits is added to one of them, so that none overflows. The length is a multiple of 64.
TEXT ·wideSum(SB), NOSPLIT, $0-24
	MOVQ content+0(FP), SI
	MOVQ length+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	// The lower half of each 64 bits.
	VPCMPEQD Y2, Y2, Y2
	VPSRLQ $32, Y2, Y2

next:
	VMOVDQU (SI), Y3
	VMOVDQU 32(SI), Y4
	VPAND Y2, Y3, Y5
	VPAND Y2, Y4, Y6
	VPSRLQ $32, Y3, Y3
	VPSRLQ $32, Y4, Y4
	VPADDQ Y5, Y0, Y0
	VPADDQ Y6, Y1, Y1
	VPADDQ Y3, Y0, Y0
	VPADDQ Y4, Y1, Y1
	ADDQ $64, SI
	SUBQ $64, CX
	JNE next

	VPADDQ Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPADDQ X1, X0, X0
	VMOVQ X0, AX
	VZEROUPPER
	MOVQ AX, ret+16(FP)
	RET
