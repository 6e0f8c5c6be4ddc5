// SPDX-License-Identifier: GPL-2.0-only
/* The contents of test files. */
#include <string.h>
#include "record.h"

static const uint8_t magic[] = RECORD_MAGIC;

static void put32(uint8_t *out, uint32_t n)
{
	out[0] = n;
	out[1] = n >> 8;
	out[2] = n >> 16;
	out[3] = n >> 24;
}

static uint32_t get32(const uint8_t *in)
{
	return in[0] | in[1] << 8 | in[2] << 16 | (uint32_t)in[3] << 24;
}

static uint32_t check(uint32_t file, uint32_t index)
{
	uint64_t n = ((uint64_t)file << 32 | index) + 0x9e3779b97f4a7c15ull;

	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	return n >> 32;
}

void record_write(uint8_t out[RECORD_SIZE], uint32_t file, uint64_t offset)
{
	uint32_t index = offset / RECORD_SIZE;

	memcpy(out, magic, 4);
	put32(out + 4, file);
	put32(out + 8, index);
	put32(out + 12, check(file, index));
}

enum record_kind record_read(const uint8_t *in, size_t n, struct record *rec)
{
	uint8_t raw[RECORD_SIZE] = { 0 }, right[RECORD_SIZE];
	size_t used = RECORD_SIZE;

	/* Much of what is looked at is holes. */
	if (!memcmp(raw, in, n))
		return RECORD_ZERO;
	memcpy(raw, in, n);
	record_write(right, get32(raw + 4), (uint64_t)get32(raw + 8) * RECORD_SIZE);
	if (n == RECORD_SIZE && !memcmp(raw, right, RECORD_SIZE)) {
		rec->file = get32(raw + 4);
		rec->offset = (uint64_t)get32(raw + 8) * RECORD_SIZE;
		return RECORD_WHOLE;
	}
	while (!raw[used - 1])
		used--;
	/* A check is only there when everything before it is; n may cut it, too. */
	if (used <= 12)
		return memcmp(raw, magic, used < 4 ? used : 4) ? RECORD_ALIEN :
								 RECORD_CUT;
	return memcmp(raw, right, used) ? RECORD_ALIEN : RECORD_CUT;
}

void canary_write(uint8_t out[RECORD_SIZE], uint64_t offset)
{
	memcpy(out, CANARY_MAGIC, 8);
	put32(out + 8, offset);
	put32(out + 12, offset >> 32);
}

bool canary_read(const uint8_t *in, size_t n, uint64_t *offset)
{
	if (n < RECORD_SIZE || memcmp(in, CANARY_MAGIC, 8) != 0)
		return false;
	*offset = get32(in + 8) | (uint64_t)get32(in + 12) << 32;
	return true;
}
