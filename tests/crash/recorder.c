// SPDX-License-Identifier: GPL-2.0-only
/* Persistent memory that can lose its power. */
#include "../unit/broken.h"
#include "recorder.h"

#define LINE 64u
#define ALL_SUBSETS 5u /* lines of which every subset is tried */

struct line {
	u32 number;
	bool flushed; /* durable after this fence */
	u8 bytes[LINE];
};

struct moment {
	struct line *lines; /* those that differ from what is durable */
	u32 count;
	bool ended;
};

static struct {
	u8 *base; /* the region's */
	u64 start, size;
	u8 *durable; /* now */
	u8 *before; /* when recording started */
	u8 *scratch;
	u8 *flushed; /* a byte per line */
	struct moment *moments;
	u32 count, room;
	bool on;
} rec;

static void on_write_back(const void *p, size_t n)
{
	u64 at = (const u8 *)p - rec.base, i;

	if (!rec.on || (const u8 *)p < rec.base || at >= rec.size)
		return;
	for (i = at / LINE; i <= (at + n - 1) / LINE; i++)
		rec.flushed[i] = 1;
}

static void moment(bool ended)
{
	struct moment *mo;
	u64 page, i;

	if (rec.count == rec.room) {
		rec.room = rec.room ? rec.room * 2 : 16;
		rec.moments = realloc(rec.moments, rec.room * sizeof(*rec.moments));
	}
	mo = &rec.moments[rec.count++];
	memset(mo, 0, sizeof(*mo));
	mo->ended = ended;
	for (page = rec.start; page < rec.size; page += 4096) {
		if (!memcmp(rec.base + page, rec.durable + page, 4096))
			continue;
		for (i = page / LINE; i < (page + 4096) / LINE; i++) {
			struct line *line;

			if (!memcmp(rec.base + i * LINE, rec.durable + i * LINE, LINE))
				continue;
			mo->lines = realloc(mo->lines, (mo->count + 1) * sizeof(*line));
			line = &mo->lines[mo->count++];
			line->number = i;
			line->flushed = rec.flushed[i];
			memcpy(line->bytes, rec.base + i * LINE, LINE);
			if (!line->flushed)
				continue;
			memcpy(rec.durable + i * LINE, line->bytes, LINE);
		}
	}
	memset(rec.flushed, 0, rec.size / LINE);
}

static void on_fence(void)
{
	if (rec.on)
		moment(false);
}

void recorder_open(struct dxc_region *rg, dxc_off start)
{
	rec.base = rg->base;
	rec.start = start;
	rec.size = rg->size;
	rec.durable = malloc(rec.size);
	rec.before = malloc(rec.size);
	rec.scratch = malloc(rec.size);
	rec.flushed = calloc(1, rec.size / LINE);
	memcpy(rec.durable, rec.base, rec.size);
	memcpy(rec.scratch, rec.base, rec.size);
	broken_write_back = on_write_back;
	broken_fence = on_fence;
}

static void forget(void)
{
	while (rec.count)
		free(rec.moments[--rec.count].lines);
}

void recorder_close(void)
{
	broken_write_back = NULL;
	broken_fence = NULL;
	forget();
	free(rec.moments);
	free(rec.durable);
	free(rec.before);
	free(rec.scratch);
	free(rec.flushed);
	memset(&rec, 0, sizeof(rec));
}

void recorder_start(void)
{
	forget();
	memcpy(rec.durable + rec.start, rec.base + rec.start, rec.size - rec.start);
	memcpy(rec.before + rec.start, rec.base + rec.start, rec.size - rec.start);
	memset(rec.flushed, 0, rec.size / LINE);
	rec.on = true;
}

void recorder_stop(void)
{
	moment(true);
	rec.on = false;
}

/* Bits of which lines are there; whole false: of each line any of its words. */
static void leave(const struct moment *mo, u64 chosen, bool whole, u64 *random)
{
	u32 i, w;

	memcpy(rec.scratch + rec.start, rec.before + rec.start, rec.size - rec.start);
	for (i = 0; i < mo->count; i++) {
		u8 *to = rec.scratch + (u64)mo->lines[i].number * LINE;
		u64 bits = whole ? (chosen >> i % 64 & 1 ? 0xff : 0) :
				   broken_random(random) >> 40;

		for (w = 0; w < LINE / 8; w++)
			if (bits >> w & 1)
				memcpy(to + w * 8, mo->lines[i].bytes + w * 8, 8);
	}
}

u64 recorder_crashes(u32 limit, u64 *random, bool (*each)(u8 *base, bool ended))
{
	u64 n = 0, chosen;
	u32 i, k, tries;

	for (i = 0; i < rec.count; i++) {
		const struct moment *mo = &rec.moments[i];
		bool all = mo->count <= ALL_SUBSETS && 1u << mo->count <= limit;

		tries = all ? 1u << mo->count : limit;
		for (k = 0; k < tries; k++) {
			/* None, all, all but one, one, some, some words. */
			if (all || k == 0)
				chosen = k;
			else if (k == 1)
				chosen = ~0ull;
			else
				chosen = broken_random(random) >> 3;
			if (!all && k % 4 == 2)
				chosen = ~(1ull << chosen % mo->count % 64);
			else if (!all && k % 4 == 3)
				chosen = 1ull << chosen % mo->count % 64;
			leave(mo, chosen, all || k < 2 || k % 4, random);
			n++;
			if (!each(rec.scratch, mo->ended))
				return n;
		}
		if (mo->count) {
			/* And once with any words of any lines. */
			leave(mo, 0, false, random);
			n++;
			if (!each(rec.scratch, mo->ended))
				return n;
		}
		for (k = 0; k < mo->count; k++)
			if (mo->lines[k].flushed)
				memcpy(rec.before + (u64)mo->lines[k].number * LINE,
				       mo->lines[k].bytes, LINE);
	}
	return n;
}
