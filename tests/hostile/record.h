/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contents of test files: records of 16 bytes that say which file they
 * belong to and where, so that a byte shown in the wrong place is seen.
 *
 *	"DXF" 0xf5, le32 file, le32 index (offset / 16), le32 check
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_SIZE 16u
#define RECORD_MAGIC "DXF\xf5"

enum record_kind {
	RECORD_WHOLE,
	RECORD_ZERO, /* a hole or the rest of a block */
	RECORD_CUT, /* the start of a record, then zeros: the end of a file */
	RECORD_ALIEN, /* nothing that a test file ever held */
};

struct record {
	uint32_t file;
	uint64_t offset;
};

void record_write(uint8_t out[RECORD_SIZE], uint32_t file, uint64_t offset);

/* What are these n (1 to RECORD_SIZE) bytes? *rec is set for RECORD_WHOLE. */
enum record_kind record_read(const uint8_t *in, size_t n, struct record *rec);

/*
 * Canaries: 16 bytes that stand where no file and no metadata is, and say
 * where. No reader may ever see one.
 *
 *	"\xc5" "canary\xc5", le64 offset in the region
 */
#define CANARY_MAGIC "\xc5" "canary\xc5"

void canary_write(uint8_t out[RECORD_SIZE], uint64_t offset);
/* Are these n bytes one? */
bool canary_read(const uint8_t *in, size_t n, uint64_t *offset);

#endif
