/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builds valid images in memory through the core's encoders, and says where
 * everything in them is, so that tests can read it or damage it.
 *
 * First inodes and names are added, then image_build() lays the image out.
 * Inode numbers are given in the order of adding; the root is there already.
 * Any failure of the builder itself ends the program.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "core.h"

/* Bytes of a chunk in writable images: more than mkdaxfs makes them, so that several blocks are in one. */
#define IMAGE_CHUNK 0x4000u
/* Of the longest segment. */
#define IMAGE_SEGMENT 0x14000u

struct image_inode {
	struct dxc_inode inode; /* as it will be encoded */
	struct dxc_extent *extents; /* sparse files; data is set by image_build() */
	char *target; /* symlinks */
	void *xattrs; /* encoded entries, in the order of adding */
	u32 xattr_bytes, xattr_count;
	u32 share; /* inode whose contents are this one's, or 0 */
	u32 longest; /* directories: longest name */
};

struct image_name {
	u32 dir, ino, hash;
	char *name;
	u8 len;
};

struct image {
	u8 *base; /* exactly size bytes on the heap */
	u64 size;
	u8 *pristine; /* as image_build() left it */
	struct dxc_volume vol; /* as the superblock says */
	struct image_inode *inodes; /* by number - 1 */
	u32 count;
	struct image_name *names; /* after image_build(): by dir, hash, name */
	u64 name_count;
	bool writable; /* set before image_build() */
	u32 chunks, branches; /* of writable ones, same; 0: a few */
	u32 chunk_size; /* 0: IMAGE_CHUNK */
	u64 spare_data; /* bytes of DATA that no file has, same */
};

struct image *image_new(void);
void image_free(struct image *img);

/* Adders. name NULL: no name yet. Directory sizes and nlink follow by themselves. */
u32 image_add(struct image *img, u32 dir, const char *name, u32 mode);
void image_link(struct image *img, u32 dir, const char *name, u32 ino);
void image_link_bytes(struct image *img, u32 dir, const void *name, u32 len, u32 ino);
u32 image_file(struct image *img, u32 dir, const char *name, u64 size);
/* A small one that lies in one block with others. */
u32 image_packed(struct image *img, u32 dir, const char *name, u64 size);
u32 image_symlink(struct image *img, u32 dir, const char *name, const char *target);
void image_extent_add(struct image *img, u32 ino, dxc_pos pos, u64 len);
void image_xattr_add(struct image *img, u32 ino, u32 prefix, const char *name,
		     const void *value, u32 value_len);

void image_build(struct image *img);
/* Back to what image_build() made. */
void image_reset(struct image *img);
/* Repairs all checksums and the copy of the superblock. */
void image_seal(struct image *img);

/*
 * A tree with everything that a base can hold. many: names in /many.
 * Paths that tests rely on are named in image.c.
 */
struct image *image_standard(bool writable, u32 many);

/* The byte that file ino has at pos; never 0. */
static inline u8 image_byte(u32 ino, dxc_pos pos)
{
	return 1 + (ino * 31ull + pos * 7 + pos / 4096) % 255;
}

/* Where things are in img->base. */
u32 image_ino(const struct image *img, const char *name);
struct daxfs_super *image_super(struct image *img);
struct daxfs_inode *image_raw(struct image *img, u32 ino);
struct daxfs_dirent *image_dirent(struct image *img, u32 dir, u32 index);
/* By the name, which must be there. */
struct daxfs_dirent *image_entry(struct image *img, const char *name);
struct daxfs_extent *image_extent(struct image *img, u32 ino, u32 index);
struct daxfs_xattr_set *image_set(struct image *img, u32 ino);
struct daxfs_xattr_entry *image_xattr(struct image *img, u32 ino, u32 index);

#endif
