/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of mutate.h share: the plan, and how fields get into it. */
#ifndef MUTATE_PLAN_H
#define MUTATE_PLAN_H

#include "branch.h"
#include "mutate.h"

struct mutate_change {
	u32 field;
	u64 value;
};

/* A part of the image that holds metadata, for changes that know no field. */
struct mutate_range {
	dxc_off offset;
	u64 length;
};

/* Values of the image that fields of one meaning are exchanged for. */
enum mutate_pool {
	POOL_NONE,
	POOL_BRANCH, /* words of branches */
	POOL_LINK, /* number of a chunk + 1 */
	POOL_WORD, /* of the chunk table */
	POOL_BLOCK, /* offset of a block, of files or not */
	POOL_INODE, /* also such that are not there */
	POOL_MODE,
	POOL_HOLDER, /* of a lease or lock: nobody that lives */
	POOLS
};

#define POOL_MAX 32

struct mutate_pool_values {
	u64 values[POOL_MAX];
	u32 count;
};

/* A record of a log, to repair its checksum. */
struct mutate_record {
	dxc_off chunk, record;
};

#define PLAN_RANGES 64

struct mutate_plan {
	struct dxc_volume vol;
	struct mutate_field *fields;
	u32 field_count, field_room;
	struct mutate_change *changes;
	u64 change_count, change_room;
	struct mutate_range ranges[PLAN_RANGES];
	u32 range_count;
	struct mutate_pool_values pools[POOLS];
	struct mutate_record *records;
	u64 record_count, record_room;
};

struct mutate_member {
	const char *name;
	u16 offset, width;
	u8 pool;
};

/* clang-format off */
#define MEMBER(type, m) { #m, offsetof(struct type, m), sizeof(((struct type *)0)->m), POOL_NONE }
#define POOLED(type, m, pool) { #m, offsetof(struct type, m), sizeof(((struct type *)0)->m), pool }
/* clang-format on */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* list, or a longer one with the same contents; ends the program without memory. */
void *mutate_room(void *list, u64 count, u64 *room, size_t size);
struct mutate_field *mutate_add(struct mutate_plan *plan, dxc_off offset, u32 width,
				u32 owner, const char *name);
/* Arrays of bytes are changed at their first and last byte. */
void mutate_add_struct(struct mutate_plan *plan, const struct mutate_member *members,
		       u32 count, dxc_off at, dxc_off peer, u32 owner);
#define ADD(plan, members, at, peer, owner) \
	mutate_add_struct(plan, members, COUNT(members), at, peer, owner)
void mutate_add_range(struct mutate_plan *plan, dxc_off offset, u64 length);

/* mutate_delta.c: shared state, tables and logs of the image in base. */
void mutate_add_delta(struct mutate_plan *plan, const u8 *base);
/* Their checksums, where the plan knows something to have one. */
void mutate_seal_delta(const struct mutate_plan *plan, u8 *base);

#endif
