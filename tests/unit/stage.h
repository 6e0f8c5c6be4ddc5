/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A writable image with main and a mount that has seen everything: what tests
 * of layers do operations on. Failures of the stage itself are failed checks.
 */
#ifndef STAGE_H
#define STAGE_H

#include "image.h"
#include "node.h"

extern struct dxc_volume *stage; /* made by stage_open() */
extern struct dxc_space stage_space;
/* As large as the largest record of a stage, for records that lie. */
extern u8 stage_buf[IMAGE_SEGMENT];

/* Of the next stage_open(): bytes of a chunk, 0: IMAGE_CHUNK; branches, 0: 16. */
extern u32 stage_chunk_size, stage_branches;
/* Likewise: files /base 0, /base 1 and so on, of inodes from 3 on. */
extern u32 stage_base_files;
/* Likewise: more xattrs of inode 2, user.other 0000 and so on. */
extern u32 stage_base_xattrs;
/* Inode 2, /base, is a file of 50,000 bytes with one xattr, user.old. */
void stage_open(u32 chunks, struct dxc_layer *main_layer);
void stage_close(struct dxc_layer *main_layer);

/* The branch's log, replayed into a layer over lower. */
int stage_load(struct dxc_layer *layer, const char *name, struct dxc_layer *lower,
	       struct dxc_space *space, struct dxc_finding *f);
/* main, as a mount loads it that will write. */
void stage_load_to_write(struct dxc_layer *main_layer);
/* What loading the branch anew would answer. */
int stage_reload(const char *name, struct dxc_layer *lower);
struct dxc_attr stage_attr(const struct dxc_layer *layer, dxc_ino ino);
/* A new file or directory. */
int stage_make(struct dxc_layer *layer, dxc_ino dir, const char *name, u32 mode,
	       dxc_ino *ino);
int stage_remove(struct dxc_layer *layer, dxc_ino dir, const char *name, dxc_ino ino);
/* One more block of a file. */
int stage_write(struct dxc_layer *layer, struct dxc_attr *attr, u64 block);
/* A new file of a chunk, with the same byte all over; *ino and *off say which, and where. */
int stage_file(struct dxc_layer *layer, const char *name, int byte, dxc_ino *ino, dxc_off *off);
int stage_xattr(struct dxc_layer *layer, dxc_ino ino, const char *name,
		const char *value);
void stage_branch(struct dxc_layer *layer, struct dxc_layer *parent, const char *name);
void stage_commit(struct dxc_layer *layer, struct dxc_layer *parent);
/* Nobody reads what was given up before now, also by the layer. */
void stage_seen(struct dxc_layer *layer);
/* Chunks that are free or will be. */
u32 stage_free_chunks(void);

#endif
