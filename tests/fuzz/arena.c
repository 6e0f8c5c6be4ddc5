// SPDX-License-Identifier: GPL-2.0-only
/* A writable image for inputs, with a base that cannot be written. */
#include <sanitizer/allocator_interface.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "arena.h"

static u64 heap_blocks;

static void on_malloc(const volatile void *p, size_t size)
{
	heap_blocks++;
}

static void on_free(const volatile void *p)
{
	heap_blocks -= !!p;
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

/* The parts of an image that may be written to. */
struct part {
	dxc_off from, to;
};

static void parts_of(const struct dxc_volume *vol, struct part parts[3])
{
	const struct dxc_area *ar = vol->area;

	parts[0].from = ar[DAXFS_AREA_SHARED].offset;
	parts[0].to = parts[0].from + ar[DAXFS_AREA_SHARED].length;
	parts[1].from = ar[DAXFS_AREA_BRANCHES].offset;
	parts[1].to = ar[DAXFS_AREA_CHUNKS].offset + ar[DAXFS_AREA_CHUNKS].length;
	parts[1].to = (parts[1].to + DAXFS_BLOCK_SIZE - 1) & ~(u64)(DAXFS_BLOCK_SIZE - 1);
	parts[2].from = ar[DAXFS_AREA_DELTA].offset;
	parts[2].to = parts[2].from + ar[DAXFS_AREA_DELTA].length;
}

static void protect(u8 *base, dxc_off from, dxc_off to)
{
	need(!mprotect(base + from, to - from, PROT_READ), "mprotect");
}

void arena_open(struct arena *ar, struct image *img)
{
	static bool watched;
	dxc_off from = 0;
	struct part parts[3];
	u8 *base;
	u32 i;

	if (!watched)
		need(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free),
		     "hooks");
	watched = true;
	ar->img = img;
	/* On the heap still, so that the sanitizer knows where it ends. */
	base = aligned_alloc(sysconf(_SC_PAGESIZE), img->size);
	ar->kept = malloc(img->size);
	need(base && ar->kept, "an image");
	memcpy(base, img->base, img->size);
	free(img->base);
	img->base = base;
	img->vol.region.base = base;
	parts_of(&img->vol, parts);
	for (i = 0; i < 3; i++) {
		protect(base, from, parts[i].from);
		from = parts[i].to;
	}
	protect(base, from, img->size);
	arena_keep(ar);
}

void arena_keep(struct arena *ar)
{
	struct part parts[3];
	u32 i;

	parts_of(&ar->img->vol, parts);
	for (i = 0; i < 3; i++)
		memcpy(ar->kept + parts[i].from, ar->img->base + parts[i].from,
		       parts[i].to - parts[i].from);
}

void arena_restore(struct arena *ar)
{
	struct part parts[3];
	u32 i;

	parts_of(&ar->img->vol, parts);
	for (i = 0; i < 3; i++)
		memcpy(ar->img->base + parts[i].from, ar->kept + parts[i].from,
		       parts[i].to - parts[i].from);
}

u64 arena_heap_blocks(void)
{
	return heap_blocks;
}

void arena_heap_check(u64 before)
{
	if (heap_blocks == before)
		return;
	fprintf(stderr,
		"ERROR: %lld blocks of memory are left; ASAN_OPTIONS=detect_leaks=1 says whose\n",
		(long long)(heap_blocks - before));
	/* With detect_leaks=1 the process says it by itself, at its end. */
	if (!getenv("ASAN_OPTIONS") || !strstr(getenv("ASAN_OPTIONS"), "detect_leaks=1"))
		abort();
}
