// SPDX-License-Identifier: GPL-2.0-only
/* Opens a source and the daxfs in it. Prints nothing. */
#include "image.h"

#include <stdio.h>
#include <sys/mman.h>

#include "../kmod/core/repair.h"
#include "message.h"

int image_open(struct image *img, const char *text)
{
	int err;

	memset(img, 0, sizeof(*img));
	err = source_parse(text, &img->src);
	if (err)
		return err;
	err = source_open(&img->src, false);
	if (!err && img->src.kind != SOURCE_MOUNT)
		err = dxc_volume_open(&img->vol, img->src.map, img->src.size,
				      &img->finding);
	if (err)
		source_close(&img->src);
	return err;
}

/* The copy takes the place of the superblock, in the memory of this process only. */
static int put_copy(struct source *src)
{
	struct dxc_region rg = { .base = src->map, .size = src->size };
	struct dxc_volume vol;
	dxc_off at;
	void *page;
	int err = dxc_super_find_copy(&rg, &vol, &at);

	if (err)
		return err;
	page = mmap(src->map, DAXFS_SB_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	memcpy(page, src->map + at, DAXFS_SB_SIZE);
	return 0;
}

int image_open_by_copy(struct image *img, const char *text)
{
	int err;

	memset(img, 0, sizeof(*img));
	err = source_parse(text, &img->src);
	if (!err && img->src.kind == SOURCE_MOUNT)
		err = -EINVAL;
	if (!err)
		err = source_open(&img->src, false);
	if (!err)
		err = put_copy(&img->src);
	if (!err)
		err = dxc_volume_open(&img->vol, img->src.map, img->src.size,
				      &img->finding);
	if (err)
		source_close(&img->src);
	return err;
}

void image_close(struct image *img)
{
	source_close(&img->src);
}

bool image_error_is_media(int err)
{
	return err == -EUCLEAN || err == -EBADMSG || err == -EOPNOTSUPP;
}

char *image_strerror(const struct image *img, int err)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (img->finding.code == DXC_OK)
		return strdup(source_strerror(err));
	if (img->finding.code == DXC_SB_SHORT || img->finding.code == DXC_SB_MAGIC)
		return strdup("is no daxfs image");
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	message_finding(out, &img->finding, NULL);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
