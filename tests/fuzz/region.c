// SPDX-License-Identifier: GPL-2.0-only
/* Fuzz inputs as regions, and the mutator that knows what is in them. */
#include <sanitizer/asan_interface.h>
#include "../hostile/mutate.h"
#include "../unit/image.h"
#include "../unit/seal.h"
#include "region.h"
#include "seed.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

#define PATCHES_MAX 64
#define PATCH_HEADER 4

struct window {
	dxc_off offset;
	u64 length;
};

struct source {
	struct image *img;
	struct mutate_plan *plan;
	struct window windows[DAXFS_AREA_COUNT + 4];
	u32 window_count;
	u64 total; /* bytes of all windows */
};

/* What has to be restored. */
static struct {
	struct source *src;
	struct window patches[PATCHES_MAX];
	u32 count;
} dirty;

static struct source *sources(void)
{
	static struct source both[2];
	struct source *src;
	u32 i, k;

	if (both[0].img)
		return both;
	for (i = 0; i < 2; i++) {
		src = &both[i];
		src->img = image_standard(i, 12);
		src->plan = mutate_plan_new(src->img->base, src->img->size);
		src->windows[src->window_count++] = (struct window){ 0, DAXFS_SB_SIZE };
		for (k = 0; k <= DAXFS_AREA_DATA; k++)
			if (src->img->vol.area[k].length)
				src->windows[src->window_count++] =
					(struct window){ src->img->vol.area[k].offset,
							 src->img->vol.area[k].length };
		src->windows[src->window_count++] =
			(struct window){ src->img->size - DAXFS_TRAILER_SIZE, 64 };
		for (k = 0; k < src->window_count; k++)
			src->total += src->windows[k].length;
	}
	return both;
}

/* A place among the windows to an offset in the image, and how far it goes. */
static dxc_off place_to_offset(const struct source *src, u64 place, u64 *room)
{
	u32 k;

	place %= src->total;
	for (k = 0; place >= src->windows[k].length; k++)
		place -= src->windows[k].length;
	*room = src->windows[k].length - place;
	return src->windows[k].offset + place;
}

static u32 offset_to_place(const struct source *src, dxc_off offset)
{
	u32 place = 0, k;

	for (k = 0; k < src->window_count; k++) {
		if (dxc_range_ok(offset, 1, src->windows[k].offset,
				 src->windows[k].length))
			return place + (offset - src->windows[k].offset);
		place += src->windows[k].length;
	}
	return 0;
}

void fuzz_region_open(struct fuzz_region *rg, const u8 *input, size_t len)
{
	u8 flags = len ? input[0] : 0;
	struct source *src = &sources()[flags & FUZZ_WRITABLE];
	size_t at = 1, cut = 0, n;
	dxc_off offset;
	u64 room;

	dirty.src = src;
	dirty.count = 0;
	if (flags & FUZZ_CUT && len >= 3) {
		cut = (input[1] | input[2] << 8) % (src->img->size / 512) * 512;
		at = 3;
	}
	while (at + PATCH_HEADER <= len && dirty.count < PATCHES_MAX) {
		offset = place_to_offset(
			src, input[at] | input[at + 1] << 8 | (u64)input[at + 2] << 16,
			&room);
		n = min_t(size_t, input[at + 3] % 16, len - at - PATCH_HEADER);
		memcpy(src->img->base + offset, input + at + PATCH_HEADER,
		       min_t(u64, n, room));
		dirty.patches[dirty.count++] =
			(struct window){ offset, min_t(u64, n, room) };
		at += PATCH_HEADER + n;
	}
	if (!(flags & FUZZ_UNSEALED))
		seal(src->img->base, src->img->size);
	rg->base = src->img->base;
	rg->size = src->img->size - cut;
	rg->noise = flags & FUZZ_NOISE ? len * 0x9e3779b97f4a7c15ull + dirty.count + 1 :
					 0;
	if (cut)
		__asan_poison_memory_region(rg->base + rg->size, cut);
}

void fuzz_region_close(struct fuzz_region *rg)
{
	struct image *img = dirty.src->img;
	dxc_off copy;
	u32 i;

	__asan_unpoison_memory_region(img->base, img->size);
	/* The image size may be one of the patches. */
	copy = seal_copy_offset(img->base, img->size);
	memcpy(img->base + copy, img->pristine + copy, DAXFS_SB_SIZE);
	for (i = 0; i < dirty.count; i++)
		memcpy(img->base + dirty.patches[i].offset,
		       img->pristine + dirty.patches[i].offset, dirty.patches[i].length);
	memcpy(img->base, img->pristine, DAXFS_SB_SIZE);
	copy = img->size - DAXFS_SB_SIZE;
	memcpy(img->base + copy, img->pristine + copy, DAXFS_SB_SIZE);
}

/* ---- mutations ---- */

static size_t patch(const struct source *src, u8 *out, const struct mutate_field *field,
		    u64 value)
{
	u32 place = offset_to_place(src, field->offset), i;

	out[0] = place;
	out[1] = place >> 8;
	out[2] = place >> 16;
	out[3] = field->width;
	for (i = 0; i < field->width; i++)
		out[PATCH_HEADER + i] = value >> 8 * i;
	return PATCH_HEADER + field->width;
}

static u64 splash(u64 n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	return n ^ n >> 31;
}

/*
 * Two times of three a field of the format gets a value that is interesting
 * for it; otherwise the input's bytes are mutated as libFuzzer likes.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	u64 state = splash(seed + 0x9e3779b97f4a7c15ull) | 1;
	u32 choice = state >> 32;
	struct source *src;
	const struct mutate_field *field;
	size_t start;

	if (!size) {
		data[0] = 0;
		size = 1;
	}
	if (choice % 16 == 0)
		data[0] ^= 1u << (choice >> 8) % 4;
	src = &sources()[data[0] & FUZZ_WRITABLE];
	start = data[0] & FUZZ_CUT ? 3 : 1;
	if (choice % 3 == 0 || size < start)
		return LLVMFuzzerMutate(data, size, max);
	/* Start again now and then: a heap of damage hides what is behind the first of it. */
	if (choice % 7 == 0)
		size = start;
	field = mutate_field_at(src->plan, (choice >> 8) % mutate_field_count(src->plan));
	if (size + PATCH_HEADER + 8 > max)
		return LLVMFuzzerMutate(data, size, max);
	return size + patch(src, data + size, field,
			    mutate_value(src->plan, src->img->base, field, &state));
}

/* ---- seeds ---- */

int fuzz_region_seeds(const char *dir)
{
	u8 data[64] = { 0 };
	u32 number = 0, i, w;
	int err = 0;

	for (w = 0; !err && w < 2; w++) {
		struct source *src = &sources()[w];

		for (i = 0; !err && i < 16; i++) {
			data[0] = (i & ~FUZZ_WRITABLE) | w;
			err = seed_save(dir, number++, data, data[0] & FUZZ_CUT ? 3 : 1);
		}
		/* Each field once, with a value that the systematic mutations begin with. */
		for (i = 0; !err && i < mutate_field_count(src->plan); i++) {
			const struct mutate_field *field = mutate_field_at(src->plan, i);
			u64 state = i + 1;

			data[0] = w;
			err = seed_save(dir, number++, data,
					1 + patch(src, data + 1, field,
						  mutate_value(src->plan, src->img->base,
							       field, &state)));
		}
	}
	return err;
}
