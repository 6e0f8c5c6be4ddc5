// SPDX-License-Identifier: GPL-2.0-only
/* Damages valid images in reproducible ways. */
#include <stdarg.h>
#include <stdio.h>
#include "mutate_plan.h"
#include "seal.h"

/* How many inodes of one kind are worth damaging one by one. */
#define EXAMPLES 3
#define VALUES_MAX 96

static u64 random_next(u64 *state)
{
	/* xorshift64*, Vigna 2014 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* A generator's state from any number: SplitMix64, Steele et al. 2014. Never 0. */
static u64 random_seed(u64 n)
{
	n += 0x9e3779b97f4a7c15ull;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	n ^= n >> 31;
	return n ? n : 1;
}

u64 mutate_get(const u8 *base, const struct mutate_field *field)
{
	u64 value = 0;
	u32 i;

	for (i = 0; i < field->width; i++)
		value |= (u64)base[field->offset + i] << 8 * i;
	return value;
}

/* Byte by byte and volatile: somebody may be reading, and all of it must be stored. */
void mutate_put(u8 *base, const struct mutate_field *field, u64 value)
{
	volatile u8 *at = base + field->offset;
	u32 i;

	for (i = 0; i < field->width; i++)
		at[i] = value >> 8 * i;
}

static u64 highest(const struct mutate_field *field)
{
	return field->width == 8 ? ~0ull : (1ull << 8 * field->width) - 1;
}

/* ---- which fields ---- */

void *mutate_room(void *list, u64 count, u64 *room, size_t size)
{
	if (count < *room)
		return list;
	*room = *room ? *room * 2 : 256;
	list = realloc(list, *room * size);
	if (!list)
		abort();
	return list;
}

struct mutate_field *mutate_add(struct mutate_plan *plan, dxc_off offset, u32 width,
				u32 owner, const char *name)
{
	u64 room = plan->field_room;
	struct mutate_field *field;

	plan->fields = mutate_room(plan->fields, plan->field_count, &room,
				   sizeof(*plan->fields));
	plan->field_room = room;
	field = &plan->fields[plan->field_count++];
	*field = (struct mutate_field){ offset, 0, name, owner, width, POOL_NONE };
	return field;
}

void mutate_add_struct(struct mutate_plan *plan, const struct mutate_member *members,
		       u32 count, dxc_off at, dxc_off peer, u32 owner)
{
	struct mutate_field *field;
	u32 i;

	for (i = 0; i < count; i++) {
		const struct mutate_member *m = &members[i];
		bool number = m->width <= 8 && !(m->width & (m->width - 1));

		field = mutate_add(plan, at + m->offset, number ? m->width : 1, owner,
				   m->name);
		field->pool = m->pool;
		if (peer)
			field->peer = peer + m->offset;
		if (!number)
			mutate_add(plan, at + m->offset + m->width - 1, 1, owner,
				   m->name);
	}
}

/* clang-format off */
static const struct mutate_member super_members[] = {
	MEMBER(daxfs_super, sb_magic), MEMBER(daxfs_super, sb_version),
	MEMBER(daxfs_super, sb_block_size), MEMBER(daxfs_super, sb_area_count),
	MEMBER(daxfs_super, sb_zero0), MEMBER(daxfs_super, sb_image_size),
	MEMBER(daxfs_super, sb_chunk_size), MEMBER(daxfs_super, sb_reserved0),
	MEMBER(daxfs_super, sb_zero1), MEMBER(daxfs_super, sb_compat),
	MEMBER(daxfs_super, sb_ro_compat), MEMBER(daxfs_super, sb_incompat),
	MEMBER(daxfs_super, sb_reserved1), MEMBER(daxfs_super, sb_zero2),
	MEMBER(daxfs_super, sb_uuid), MEMBER(daxfs_super, sb_label),
	MEMBER(daxfs_super, sb_inode_count), MEMBER(daxfs_super, sb_hash_seed),
	MEMBER(daxfs_super, sb_data_blocks), MEMBER(daxfs_super, sb_created),
	MEMBER(daxfs_super, sb_branch_count), MEMBER(daxfs_super, sb_mount_count),
	MEMBER(daxfs_super, sb_reserved2), MEMBER(daxfs_super, sb_zero3),
	MEMBER(daxfs_super, sb_zero4),
};

static const struct mutate_member area_members[] = {
	MEMBER(daxfs_area, ar_offset), MEMBER(daxfs_area, ar_length),
	MEMBER(daxfs_area, ar_reserved0), MEMBER(daxfs_area, ar_reserved1),
};

static const struct mutate_member inode_members[] = {
	MEMBER(daxfs_inode, in_mode), MEMBER(daxfs_inode, in_flags),
	MEMBER(daxfs_inode, in_uid), MEMBER(daxfs_inode, in_gid),
	MEMBER(daxfs_inode, in_nlink), MEMBER(daxfs_inode, in_size),
	MEMBER(daxfs_inode, in_mtime), MEMBER(daxfs_inode, in_mtime_nsec),
	MEMBER(daxfs_inode, in_xattr), MEMBER(daxfs_inode, in_data),
	MEMBER(daxfs_inode, in_count), MEMBER(daxfs_inode, in_parent),
	MEMBER(daxfs_inode, in_unit), MEMBER(daxfs_inode, in_reserved0),
	MEMBER(daxfs_inode, in_checksum),
};

static const struct mutate_member dirent_members[] = {
	MEMBER(daxfs_dirent, de_hash), MEMBER(daxfs_dirent, de_ino),
	MEMBER(daxfs_dirent, de_type), MEMBER(daxfs_dirent, de_len),
	MEMBER(daxfs_dirent, de_name),
};

static const struct mutate_member extent_members[] = {
	MEMBER(daxfs_extent, ex_pos), MEMBER(daxfs_extent, ex_len),
	MEMBER(daxfs_extent, ex_data),
};

static const struct mutate_member set_members[] = {
	MEMBER(daxfs_xattr_set, xs_size), MEMBER(daxfs_xattr_set, xs_count),
};

static const struct mutate_member xattr_members[] = {
	MEMBER(daxfs_xattr_entry, xe_prefix), MEMBER(daxfs_xattr_entry, xe_name_len),
	MEMBER(daxfs_xattr_entry, xe_reserved0), MEMBER(daxfs_xattr_entry, xe_value_len),
};

/* clang-format on */

static void add_super(struct mutate_plan *plan)
{
	dxc_off table = offsetof(struct daxfs_super, sb_areas);
	u32 i;

	ADD(plan, super_members, 0, 0, 0);
	for (i = 0; i < DAXFS_AREA_COUNT; i++)
		ADD(plan, area_members, table + i * sizeof(struct daxfs_area),
		    table + (i + 1) % DAXFS_AREA_COUNT * sizeof(struct daxfs_area), i);
}

static dxc_off inode_at(const struct mutate_plan *plan, dxc_ino ino)
{
	return plan->vol.area[DAXFS_AREA_INODES].offset +
	       (ino - 1) * sizeof(struct daxfs_inode);
}

static void add_entries(struct mutate_plan *plan, const struct dxc_inode *dir)
{
	const u32 picks[] = { 0, dir->count / 2, dir->count - 1 };
	u32 i;

	for (i = 0; i < COUNT(picks); i++) {
		dxc_off at = dir->data + (u64)picks[i] * dir->entry_size;

		if (i && picks[i] == picks[i - 1])
			continue;
		ADD(plan, dirent_members, at,
		    dir->data + (picks[i] + 1ull) % dir->count * dir->entry_size,
		    dir->ino);
		mutate_add(plan, at + DAXFS_DIRENT_HEADER + 1, 1, dir->ino, "de_name[1]");
		mutate_add(plan, at + dir->entry_size - 1, 1, dir->ino, "end of entry");
	}
}

static void add_extents(struct mutate_plan *plan, const struct dxc_inode *file)
{
	const u32 picks[] = { 0, file->count / 2, file->count - 1 };
	u32 i;

	for (i = 0; i < COUNT(picks); i++)
		if (!i || picks[i] != picks[i - 1])
			ADD(plan, extent_members,
			    file->data + picks[i] * sizeof(struct daxfs_extent),
			    file->data + (picks[i] + 1ull) % file->count *
						 sizeof(struct daxfs_extent),
			    file->ino);
}

static void add_xattrs(struct mutate_plan *plan, const struct dxc_inode *inode)
{
	dxc_off set =
		plan->vol.area[DAXFS_AREA_XATTRS].offset + (inode->xattr - 1) * 8ull;
	struct dxc_xattr xa = { 0 };
	u32 n = 0;

	ADD(plan, set_members, set, 0, inode->ino);
	while (n++ < EXAMPLES && !dxc_xattr_next(&plan->vol, inode, &xa, NULL)) {
		dxc_off at = xa.value - xa.name_len - sizeof(struct daxfs_xattr_entry);

		ADD(plan, xattr_members, at, 0, inode->ino);
		mutate_add(plan, at + sizeof(struct daxfs_xattr_entry), 1, inode->ino,
			   "xattr name");
		mutate_add(plan, xa.next - 1, 1, inode->ino, "end of xattr");
	}
}

/* What makes an inode an example of something: 0 to KINDS - 1. */
#define KINDS 13

static u32 kind_of(const struct dxc_inode *in)
{
	switch (in->mode & S_IFMT) {
	case S_IFREG:
		if (in->flags & DAXFS_IN_EXTENTS)
			return 0;
		if (in->flags & DAXFS_IN_PACKED)
			return 12;
		return in->nlink > 1 ? 1 : in->size ? 2 : 3;
	case S_IFDIR:
		return !in->count ? 4 : in->entry_size > DAXFS_DIRENT_UNIT ? 5 : 6;
	case S_IFLNK:
		return 7;
	case S_IFCHR:
		return 8;
	case S_IFBLK:
		return 9;
	case S_IFIFO:
		return 10;
	default:
		return 11;
	}
}

static void add_inode(struct mutate_plan *plan, const struct dxc_inode *in, dxc_ino peer)
{
	ADD(plan, inode_members, inode_at(plan, in->ino), inode_at(plan, peer), in->ino);
	if (S_ISDIR(in->mode) && in->count)
		add_entries(plan, in);
	if (in->flags & DAXFS_IN_EXTENTS && in->count)
		add_extents(plan, in);
	if (S_ISLNK(in->mode)) {
		mutate_add(plan, in->data, 1, in->ino, "symlink target");
		mutate_add(plan, in->data + in->size / 2, 1, in->ino, "symlink target");
		mutate_add(plan, in->data + in->size, 1, in->ino,
			   "end of symlink target");
	}
}

static void add_inodes(struct mutate_plan *plan)
{
	u32 seen[KINDS] = { 0 }, sets = 0, kind;
	dxc_ino last[KINDS] = { 0 }, ino;
	struct dxc_inode in;

	for (ino = 1; ino <= plan->vol.inode_count; ino++) {
		if (dxc_inode_read(&plan->vol, ino, &in, NULL))
			continue;
		kind = kind_of(&in);
		if (in.xattr && sets < EXAMPLES) {
			sets++;
			add_xattrs(plan, &in);
		}
		if (seen[kind] >= EXAMPLES && ino != 1)
			continue;
		seen[kind]++;
		/* The one before of its kind, or any other. */
		add_inode(plan, &in,
			  last[kind] ? last[kind] : ino % plan->vol.inode_count + 1);
		last[kind] = ino;
	}
}

/* ---- which values ---- */

static u32 put_value(u64 *values, u32 count, u64 value, u64 mask, u64 old)
{
	u32 i;

	value &= mask;
	if (value == old || count == VALUES_MAX)
		return count;
	for (i = 0; i < count; i++)
		if (values[i] == value)
			return count;
	values[count] = value;
	return count + 1;
}

static u32 values_for(const struct mutate_plan *plan, const u8 *base,
		      const struct mutate_field *field, u64 *values)
{
	static const u8 bytes[] = { '/', '.', 0x80, 13, 54, 55, 64 };
	u64 mask = highest(field), old = mutate_get(base, field);
	struct mutate_field peer = *field;
	const struct dxc_area *ar;
	u32 n = 0, i;

#define VALUE(v) (n = put_value(values, n, v, mask, old))
	VALUE(0);
	VALUE(1);
	VALUE(mask);
	VALUE(old - 1);
	VALUE(old + 1);
	VALUE(mask / 2);
	VALUE(mask / 2 + 1);
	VALUE(old * 2);
	VALUE(old ^ 1ull << (8 * field->width - 4));
	if (field->peer) {
		peer.offset = field->peer;
		VALUE(mutate_get(base, &peer));
	}
	for (i = 0; i < plan->pools[field->pool].count; i++)
		VALUE(plan->pools[field->pool].values[i]);
	if (field->width == 1)
		for (i = 0; i < sizeof(bytes); i++)
			VALUE(bytes[i]);
	if (field->width == 2)
		for (i = 0; i < 16; i++)
			VALUE(i << 12 | (old & 0xfff));
	if (field->width == 4) {
		VALUE(plan->vol.inode_count);
		VALUE(plan->vol.inode_count + 1);
		VALUE(plan->vol.area[DAXFS_AREA_XATTRS].length / 8);
		VALUE(plan->vol.area[DAXFS_AREA_XATTRS].length / 8 + 1);
	}
	if (field->width == 8) {
		VALUE(old - DAXFS_BLOCK_SIZE);
		VALUE(old + DAXFS_BLOCK_SIZE);
		VALUE(plan->vol.region.size);
		VALUE(0ull - DAXFS_BLOCK_SIZE);
		for (i = 0; i < DAXFS_AREA_COUNT; i++) {
			ar = &plan->vol.area[i];
			if (!ar->length)
				continue;
			VALUE(ar->offset);
			VALUE(ar->offset - 8);
			VALUE(ar->offset + ar->length);
			VALUE((ar->offset + ar->length - 1) &
			      ~(u64)(DAXFS_BLOCK_SIZE - 1));
		}
	}
#undef VALUE
	return n;
}

u64 mutate_value(const struct mutate_plan *plan, const u8 *base,
		 const struct mutate_field *field, u64 *state)
{
	u64 values[VALUES_MAX], pick = random_next(state);
	u32 n = values_for(plan, base, field, values);

	if (!n || pick % 8 == 0)
		return random_next(state) & highest(field);
	if (pick % 8 == 1)
		return mutate_get(base, field) ^ 1ull << (pick >> 8) % (8 * field->width);
	return values[(pick >> 8) % n];
}

/* ---- plans ---- */

void mutate_add_range(struct mutate_plan *plan, dxc_off offset, u64 length)
{
	if (plan->range_count < PLAN_RANGES)
		plan->ranges[plan->range_count++] =
			(struct mutate_range){ offset, length };
}

static void add_ranges(struct mutate_plan *plan)
{
	u32 i;

	mutate_add_range(plan, 0, DAXFS_SB_SIZE);
	for (i = 0; i < DAXFS_AREA_DATA; i++)
		if (plan->vol.area[i].length)
			mutate_add_range(plan, plan->vol.area[i].offset,
					 plan->vol.area[i].length);
}

struct mutate_plan *mutate_plan_new(u8 *base, u64 size)
{
	struct mutate_plan *plan = calloc(1, sizeof(*plan));
	u64 values[VALUES_MAX];
	u32 i, k, n;
	int err;

	if (!plan)
		return NULL;
	err = dxc_volume_open(&plan->vol, base, size, NULL);
	if (err) {
		free(plan);
		errno = -err;
		return NULL;
	}
	add_super(plan);
	add_inodes(plan);
	add_ranges(plan);
	mutate_add_delta(plan, base);
	for (i = 0; i < plan->field_count; i++) {
		n = values_for(plan, base, &plan->fields[i], values);
		for (k = 0; k < n; k++) {
			plan->changes = mutate_room(plan->changes, plan->change_count,
						    &plan->change_room,
						    sizeof(*plan->changes));
			plan->changes[plan->change_count++] =
				(struct mutate_change){ i, values[k] };
		}
	}
	return plan;
}

void mutate_plan_free(struct mutate_plan *plan)
{
	if (!plan)
		return;
	free(plan->records);
	free(plan->fields);
	free(plan->changes);
	free(plan);
}

void mutate_seal(const struct mutate_plan *plan, u8 *base, u64 size)
{
	mutate_seal_delta(plan, base);
	seal(base, size);
}

u64 mutate_count(const struct mutate_plan *plan)
{
	return plan->change_count;
}

u32 mutate_field_count(const struct mutate_plan *plan)
{
	return plan->field_count;
}

const struct mutate_field *mutate_field_at(const struct mutate_plan *plan, u32 index)
{
	return &plan->fields[index];
}

/* ---- mutations ---- */

static void say(char *what, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(char *what, const char *format, ...)
{
	size_t used = strlen(what);
	va_list args;

	va_start(args, format);
	vsnprintf(what + used, MUTATE_TEXT - used, format, args);
	va_end(args);
}

static void change(u8 *base, const struct mutate_field *field, u64 value, char *what)
{
	say(what, "%s%s of %u at 0x%llx: 0x%llx becomes 0x%llx", *what ? "; " : "",
	    field->name, field->owner, (unsigned long long)field->offset,
	    (unsigned long long)mutate_get(base, field), (unsigned long long)value);
	mutate_put(base, field, value);
}

void mutate_field(const struct mutate_plan *plan, u8 *base, u64 n, char what[MUTATE_TEXT])
{
	const struct mutate_change *ch = &plan->changes[n % plan->change_count];

	what[0] = 0;
	change(base, &plan->fields[ch->field], ch->value, what);
}

const struct mutate_field *mutate_field_of(const struct mutate_plan *plan, u64 n)
{
	return &plan->fields[plan->changes[n % plan->change_count].field];
}

/* Any place in the metadata, each area alike, whatever its size. */
static dxc_off random_place(const struct mutate_plan *plan, u64 *state)
{
	const struct mutate_range *range =
		&plan->ranges[random_next(state) % plan->range_count];

	return range->offset + random_next(state) % range->length;
}

/* A member of any inode, not only of the examples. */
static struct mutate_field random_member(const struct mutate_plan *plan, u64 *state)
{
	const struct mutate_member *m =
		&inode_members[random_next(state) % COUNT(inode_members)];
	dxc_ino ino = 1 + random_next(state) % plan->vol.inode_count;
	dxc_ino peer = 1 + random_next(state) % plan->vol.inode_count;

	return (struct mutate_field){ inode_at(plan, ino) + m->offset,
				      inode_at(plan, peer) + m->offset,
				      m->name,
				      ino,
				      m->width,
				      POOL_NONE };
}

void mutate_random(const struct mutate_plan *plan, u8 *base, u64 seed,
		   char what[MUTATE_TEXT])
{
	u64 state = random_seed(seed);
	u32 count = 1 + random_next(&state) % 8;
	struct mutate_field field;

	what[0] = 0;
	while (count--) {
		switch (random_next(&state) % 4) {
		case 0:
			field = (struct mutate_field){
				random_place(plan, &state), 0, "byte", 0, 1, POOL_NONE
			};
			break;
		case 1:
			field = random_member(plan, &state);
			break;
		default:
			field = plan->fields[random_next(&state) % plan->field_count];
			break;
		}
		change(base, &field, mutate_value(plan, base, &field, &state), what);
	}
}

void mutate_flip(const struct mutate_plan *plan, u8 *base, u64 *state,
		 struct mutate_flip *flip)
{
	u64 pick = random_next(state);
	volatile u8 *at;

	flip->offset = pick % 2 ? random_place(plan, state) :
				  plan->fields[(pick >> 8) % plan->field_count].offset;
	at = base + flip->offset;
	flip->old = *at;
	*at = flip->old ^
	      (pick % 4 < 2 ? 1u << (pick >> 40) % 8 : 1 + (pick >> 40) % 255);
}

void mutate_unflip(u8 *base, const struct mutate_flip *flip)
{
	*(volatile u8 *)(base + flip->offset) = flip->old;
}
