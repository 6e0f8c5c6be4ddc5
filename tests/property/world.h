/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A region with branches, and for each the model of what it should look like.
 * Operations are numbers that mean something in every state, so that a sequence
 * of them stays one when some are left out. Each is done to a layer through the
 * core, as a kernel does it, and to the model; whatever differs ends the process.
 */
#ifndef WORLD_H
#define WORLD_H

#include <setjmp.h>
#include "layer.h"
#include "model.h"
#include "../unit/image.h"

#define WORLD_BRANCHES 12
#define WORLD_FAILED 3 /* exit status */

enum op_kind {
	OP_CREATE,
	OP_TMPFILE,
	OP_LINK,
	OP_UNLINK,
	OP_RMDIR,
	OP_RENAME,
	OP_SETATTR,
	OP_RESIZE,
	OP_WRITE,
	OP_PUNCH,
	OP_PREALLOC,
	OP_XATTR,
	OP_FORGET,
	OP_COMPACT,
	OP_BRANCH,
	OP_COMMIT,
	OP_ABORT,
	OP_SETTLE,
	OP_SEEN, /* the mount has seen the commit sequence */
	OP_REMOUNT,
	OP_COMPARE,
	OP_KINDS
};

struct op {
	u8 kind;
	u32 r[5];
};

struct world_branch {
	bool live;
	bool loses; /* a merge ran out of memory: blocks are lost until it is loaded anew */
	struct dxc_branch br;
	struct world_branch *parent;
	struct dxc_layer layer;
	struct model model;
};

struct world {
	struct image *img;
	struct dxc_volume *vol;
	struct dxc_space space;
	struct world_branch branches[WORLD_BRANCHES];
	u32 slot; /* of the mount */
	u32 names; /* made so far, of branches */
	s64 now;
	u64 blocks_max; /* of a file */
	bool one_record; /* no write that is not one record */
	/* follower.c */
	struct dxc_space far_space;
	struct dxc_layer far[WORLD_BRANCHES];
	bool far_there, far_live[WORLD_BRANCHES];
	bool far_reads; /* who loads branches has no lease of any */
	u64 far_follows, far_reloads;
	u64 done[OP_KINDS], no_space, no_memory;
};

/* A base with something of each kind, and a delta area of so many chunks. */
struct image *world_image(u32 chunks, u32 chunk_size);
void world_open(struct world *w, struct image *img);
void world_close(struct world *w);
/* 0, -ENOSPC, -ENOMEM: then nothing has changed. */
int world_do(struct world *w, const struct op *op);
void world_print(FILE *to, const struct op *op);
/* The branch that an operation is about, if it writes to one. */
struct world_branch *world_target(struct world *w, const struct op *op);

/* compare.c: layers as they are, and the same loaded anew, show what the models say. */
void compare_all(struct world *w);
/* open: with what has no name any more. */
void compare_view(const struct model *m, const struct dxc_layer *layer, bool open);
void compare_space(const struct dxc_layer *layer, bool whole);
/*
 * follower.c: another kernel takes in what was logged, and shows what the models say. It leaves
 * before branches come or go.
 */
void follower_follow(struct world *w);
void follower_compare(struct world *w);
void follower_leave(struct world *w);
/* Chunks that were counted along are those of the table. */
void compare_tally(const struct dxc_volume *vol);
/* Loads every branch's log into layers of their own, in the order of parents. */
int world_load(const struct dxc_volume *vol, struct world *w, struct dxc_space *space,
	       struct dxc_layer *layers, bool repair);
void world_unload(struct world *w, struct dxc_space *space, struct dxc_layer *layers);

/* Set: a failure is no reason to end. */
extern jmp_buf *fail_jump;
extern char fail_text[512];
/* After a crash bytes behind the end of a file may not be zero. */
extern bool compare_loose_tails;

void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));
#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define HOLDS(e)                        \
	do {                            \
		if (!(e))               \
			FAIL("%s", #e); \
	} while (0)

#endif
