// SPDX-License-Identifier: GPL-2.0-only
/* The memory that a campaign damages and mounts. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>
#include "place.h"
#include "record.h"
#include "branch.h"
#include "seal.h"

#define UNIT (2u << 20) /* phys= wants multiples of it */
#define AFTER (64u << 10) /* canaries after the image at least */
#define CANARIES_MAX (64u << 10) /* in one range, at each of its ends */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	fputs("campaign: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static u64 number_of(const char *variable)
{
	const char *text = getenv(variable);

	if (!text || !strtoull(text, NULL, 0))
		die("%s: not set; the VM of tests/vm/run has it", variable);
	return strtoull(text, NULL, 0);
}

bool place_stays_mapped(const struct place *place)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/cmdline", "r");

	if (file && !fgets(line, sizeof(line), file))
		line[0] = 0;
	if (file)
		fclose(file);
	return place->dmabuf >= 0 || strstr(line, "iomem=relaxed");
}

/* Again at the same address, when the kernel took the pages away. */
static void map(struct place *place)
{
	bool again = place->base;
	int fd = place->dmabuf >= 0 ? place->dmabuf :
				      open("/dev/mem", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/mem: %s", strerror(errno));
	place->base = mmap(place->base, place->size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | (again ? MAP_FIXED : 0), fd, place->phys);
	if (place->base == MAP_FAILED || madvise(place->base, place->size, MADV_DONTFORK))
		die("the memory cannot be mapped: %s", strerror(errno));
	if (place->dmabuf < 0)
		close(fd);
}

static int alloc_dmabuf(u64 size)
{
	struct dma_heap_allocation_data heap = { .len = size,
						 .fd_flags = O_RDWR | O_CLOEXEC };
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int fd = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), memory;

	if (fd >= 0) {
		if (ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &heap))
			die("/dev/dma_heap/system: %s", strerror(errno));
		close(fd);
		return heap.fd;
	}
	fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	memory = memfd_create("campaign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || memory < 0 || ftruncate(memory, size) ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
		die("/dev/udmabuf: %s", strerror(errno));
	create.memfd = memory;
	memory = ioctl(fd, UDMABUF_CREATE, &create);
	if (memory < 0)
		die("/dev/udmabuf: %s", strerror(errno));
	close(fd);
	close(create.memfd);
	return memory;
}

static void add_canaries(struct place *place, dxc_off from, dxc_off to)
{
	struct place_range *range;
	dxc_off at;

	/* A long range has them at its ends. */
	if (to - from > 2 * CANARIES_MAX) {
		add_canaries(place, from, from + CANARIES_MAX);
		from = to - CANARIES_MAX;
	}
	from = (from + RECORD_SIZE - 1) & ~(u64)(RECORD_SIZE - 1);
	if (from >= to)
		return;
	if (place->canary_count == PLACE_RANGES)
		die("the image has more free chunks than there may be canaries");
	range = &place->canaries[place->canary_count++];
	range->offset = from;
	range->length = (to - from) & ~(u64)(RECORD_SIZE - 1);
	for (at = from; at + RECORD_SIZE <= to; at += RECORD_SIZE)
		canary_write(place->sound + at, at);
}

/* Whoever gets a chunk must not show what was in it. */
static void add_free_chunks(struct place *place)
{
	struct dxc_chunk_use use;
	dxc_off at;
	u32 i;

	if (!place->branch)
		return;
	for (i = 0; i < dxc_chunk_count(&place->vol); i++) {
		at = dxc_chunk_offset(&place->vol, i);
		if (!dxc_chunk_read(&place->vol, i, &use) && use.kind == DAXFS_CHUNK_FREE)
			add_canaries(place, at, at + place->vol.chunk_size);
	}
}

void place_open(struct place *place, const char *image, bool dmabuf)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC), err;
	dxc_off end = DAXFS_SB_SIZE;
	struct stat st;
	u32 i;

	memset(place, 0, sizeof(*place));
	place->dmabuf = -1;
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", image, strerror(errno));
	place->image_size = st.st_size;
	place->size = (place->image_size + AFTER + UNIT - 1) & ~(u64)(UNIT - 1);
	place->sound = calloc(1, place->size);
	if (!place->sound || read(fd, place->sound, st.st_size) != st.st_size)
		die("%s: cannot be read", image);
	close(fd);
	if (dmabuf) {
		place->dmabuf = alloc_dmabuf(place->size);
	} else {
		place->phys = number_of("DAXFS_PHYS_ADDR");
		if (place->size > number_of("DAXFS_PHYS_SIZE"))
			die("DAXFS_PHYS_SIZE: the range is smaller than the image");
	}
	place->remap = !place_stays_mapped(place);
	map(place);
	memcpy(place->base, place->sound, place->size);
	err = dxc_volume_open(&place->vol, place->base, place->size, NULL);
	if (err)
		die("%s: not an image: %s", image, strerror(-err));
	place->branch = dxc_volume_is_writable(&place->vol) ? "leaf" : NULL;

	for (i = 0; i < DAXFS_AREA_COUNT; i++) {
		const struct dxc_area *ar = &place->vol.area[i];

		if (!ar->length)
			continue;
		add_canaries(place, end, ar->offset);
		end = ar->offset + ar->length;
	}
	add_canaries(place, end, place->image_size - DAXFS_SB_SIZE);
	add_canaries(place, place->image_size, place->size);
	add_free_chunks(place);
	place->copy = place->image_size - DAXFS_SB_SIZE;
	memcpy(place->base, place->sound, place->size);
}

static void restore(struct place *place, dxc_off offset, u64 length)
{
	memcpy(place->base + offset, place->sound + offset, length);
}

void place_restore(struct place *place)
{
	dxc_off metadata = place->vol.area[DAXFS_AREA_INODES].offset;
	u32 i;

	if (place->remap)
		map(place);
	if (place->branch) {
		/* A mount may have written anywhere. */
		restore(place, 0, place->size);
		return;
	}
	restore(place, place->copy, DAXFS_SB_SIZE);
	restore(place, place->image_size - DAXFS_SB_SIZE, DAXFS_SB_SIZE);
	restore(place, 0, DAXFS_SB_SIZE);
	restore(place, metadata, place->vol.area[DAXFS_AREA_DATA].offset - metadata);
	for (i = 0; i < place->canary_count; i++)
		restore(place, place->canaries[i].offset, place->canaries[i].length);
}

static void clear(struct place *place, dxc_off from, dxc_off to)
{
	const struct place_range *range;
	dxc_off start, end;
	u32 i;

	for (i = 0; i < place->canary_count; i++) {
		range = &place->canaries[i];
		start = max_t(u64, from, range->offset);
		end = min_t(u64, to, range->offset + range->length);
		if (start < end)
			memset(place->base + start, 0, end - start);
	}
}

void place_seal(struct place *place, const struct mutate_plan *plan)
{
	struct dxc_volume vol;
	u32 i;

	/* Also opens images whose checksums of areas are wrong. */
	seal_super(place->base);
	if (!dxc_volume_open(&vol, place->base, place->size, NULL))
		for (i = 0; i < DAXFS_AREA_COUNT; i++)
			/* Canaries in chunks stay. */
			if (i != DAXFS_AREA_DELTA)
				clear(place, vol.area[i].offset,
				      vol.area[i].offset + vol.area[i].length);
	mutate_seal(plan, place->base, place->size);
	place->copy = seal_copy_offset(place->base, place->size);
}

void place_clear_zeros(struct place *place)
{
	if (place->remap)
		map(place);
	clear(place, 0, DAXFS_HEADER_SIZE);
	clear(place, place->copy + DAXFS_SB_SIZE - DAXFS_TRAILER_SIZE, place->copy);
}

/* ---- mounting ---- */

/* The last message of the context, without its "e ". */
static void read_log(int fs, char log[PLACE_LOG])
{
	char line[PLACE_LOG];
	ssize_t n;

	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		line[strcspn(line, "\n")] = 0;
		snprintf(log, PLACE_LOG, "%s", n > 2 ? line + 2 : line);
	}
}

static int configure(const struct place *place, int fs, bool validate)
{
	char text[32];

	if (place->dmabuf >= 0) {
		if (fsconfig(fs, FSCONFIG_SET_FD, "dmabuf", NULL, place->dmabuf))
			return -errno;
	} else {
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)place->phys);
		if (fsconfig(fs, FSCONFIG_SET_STRING, "phys", text, 0))
			return -errno;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)place->size);
		if (fsconfig(fs, FSCONFIG_SET_STRING, "size", text, 0))
			return -errno;
	}
	if (place->branch &&
	    fsconfig(fs, FSCONFIG_SET_STRING, "branch", place->branch, 0))
		return -errno;
	if (validate && fsconfig(fs, FSCONFIG_SET_FLAG, "validate", NULL, 0))
		return -errno;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ? -errno : 0;
}

int place_mount(const struct place *place, const char *dir, bool validate,
		char log[PLACE_LOG])
{
	int fs = fsopen("daxfs", FSOPEN_CLOEXEC), mnt, err;

	log[0] = 0;
	if (fs < 0)
		return -errno;
	err = configure(place, fs, validate);
	if (err) {
		read_log(fs, log);
		goto close;
	}
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	err = mnt < 0 ? -errno : 0;
	if (!err && move_mount(mnt, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH))
		err = -errno;
	if (mnt >= 0)
		close(mnt);
close:
	close(fs);
	return err;
}
