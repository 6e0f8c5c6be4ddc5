// SPDX-License-Identifier: GPL-2.0-only
/* Logs that lie: what replay believes, and what operations make of it then. */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "stage.h"
#include "tap.h"
#include "tests.h"

static struct dxc_layer m, c;
static struct dxc_record rec;

/* A branch over main, and a record to be filled in. */
static void begin(void)
{
	stage_open(64, &m);
	stage_branch(&c, &m, "c");
	dxc_record_start(&rec, stage_buf, sizeof(stage_buf));
}

/* What loading the branch answers once it has that record, too. */
static int believes(void)
{
	CHECK_EQ(dxc_layer_append(&c, &rec, DXC_GROWS), 0);
	return stage_reload("c", &m);
}

static void end(void)
{
	dxc_layer_free(&c);
	stage_close(&m);
}

/* The same, loaded. */
static void load_lie(void)
{
	CHECK_EQ(dxc_layer_append(&c, &rec, DXC_GROWS), 0);
	dxc_layer_free(&c);
	CHECK_EQ(stage_load(&c, "c", &m, &stage_space, NULL), 0);
}

static void names(void)
{
	dxc_ino dir, sub, more;
	struct dxc_attr root, attr, sub_attr;

	begin();
	CHECK_EQ(stage_make(&c, 1, "D", S_IFDIR | 0755, &dir), 0);
	dxc_record_unlink(&rec, dir, "nobody", 6, 99);
	CHECK_EQ(believes(), -EUCLEAN);
	end();
	tap_end("a name that a new directory never had is not believed to be taken away");

	begin();
	CHECK_EQ(stage_make(&c, 1, "D", S_IFDIR | 0755, &dir), 0);
	attr = stage_attr(&c, dir);
	attr.nlink = 0xffffffff;
	dxc_record_inode(&rec, &attr);
	load_lie();
	CHECK_EQ(stage_make(&c, 1, "E", S_IFDIR | 0755, &sub), 0);
	root = stage_attr(&c, 1);
	sub_attr = stage_attr(&c, sub);
	CHECK_EQ(dxc_op_rename(&c, &(struct dxc_rename){ .old_dir = &root,
							 .new_dir = &attr,
							 .old_name = "E",
							 .new_name = "E",
							 .old_len = 1,
							 .new_len = 1,
							 .inode = &sub_attr }),
		 0);
	CHECK(attr.nlink);
	CHECK_EQ(stage_make(&c, dir, "F", S_IFDIR | 0755, &more), 0);
	CHECK(stage_attr(&c, dir).nlink);
	/* Somebody forgets it all the same. */
	attr.nlink = 0;
	CHECK_EQ(dxc_op_setattr(&c, &attr), 0);
	dxc_op_forget(&c, dir);
	stage_commit(&c, &m);
	stage_close(&m);
	tap_end("links do not wrap to 0, and names keep the directory they are in");
}

static int believes_size(u32 mode, u64 size)
{
	struct dxc_attr attr = { .ino = 1000, .mode = mode, .nlink = 1, .size = size };
	int err;

	begin();
	dxc_record_inode(&rec, &attr);
	if (S_ISLNK(mode))
		dxc_record_symlink(&rec, 1000, "t", 1);
	dxc_record_link(&rec, 1, "l", 1, 1000, dxc_type_of_mode(mode));
	err = believes();
	end();
	return err;
}

static void sizes(void)
{
	CHECK_EQ(believes_size(S_IFLNK | 0777, 1), 0);
	CHECK_EQ(believes_size(S_IFLNK | 0777, DAXFS_SYMLINK_MAX), 0);
	CHECK_EQ(believes_size(S_IFLNK | 0777, DAXFS_SYMLINK_MAX + 1), -EUCLEAN);
	CHECK_EQ(believes_size(S_IFLNK | 0777, 1ull << 40), -EUCLEAN);
	CHECK_EQ(believes_size(S_IFLNK | 0777, 0), -EUCLEAN);
	CHECK_EQ(believes_size(S_IFREG | 0644, 1ull << 40), 0);
	CHECK_EQ(believes_size(S_IFCHR | 0644, 0), 0);
	CHECK_EQ(believes_size(S_IFCHR | 0644, 1), -EUCLEAN);
	CHECK_EQ(believes_size(S_IFBLK | 0644, 1), -EUCLEAN);
	CHECK_EQ(believes_size(S_IFIFO | 0644, 4096), -EUCLEAN);
	CHECK_EQ(believes_size(S_IFSOCK | 0644, 1), -EUCLEAN);
	tap_end("symlinks are as long as they may be, and what has no contents has no size");
}

static int believes_times(u32 nsec, s64 btime, u32 btime_nsec)
{
	struct dxc_attr attr = { .ino = 1000, .mode = S_IFREG | 0644, .nlink = 1,
				 .mtime_nsec = nsec, .btime = btime, .btime_nsec = btime_nsec };
	int err;

	begin();
	dxc_record_inode(&rec, &attr);
	dxc_record_link(&rec, 1, "t", 1, 1000, 8);
	err = believes();
	end();
	return err;
}

static void times(void)
{
	CHECK_EQ(believes_times(999999999, 0, 0), 0);
	CHECK_EQ(believes_times(1000000000, 0, 0), -EUCLEAN);
	CHECK_EQ(believes_times(0, 0, 1), 0);
	CHECK_EQ(believes_times(0, INT64_MIN, 1000000000), 0);
	CHECK_EQ(believes_times(0, 0, 1000000001), -EUCLEAN);
	CHECK_EQ(believes_times(0, 0, 0xffffffff), -EUCLEAN);
	CHECK_EQ(believes_times(0, 1, 0), -EUCLEAN);
	CHECK_EQ(believes_times(0, -1, 0), -EUCLEAN);
	tap_end("a time has less than a second of nanoseconds, and one of birth that is not known has none");
}

static void links(void)
{
	struct dxc_attr attr;
	dxc_ino file;

	begin();
	CHECK_EQ(stage_make(&c, 1, "a", S_IFREG | 0644, &file), 0);
	dxc_record_link(&rec, 1, "b", 1, file, 8);
	load_lie();
	attr = stage_attr(&c, file);
	CHECK_EQ(attr.nlink, 1);
	CHECK_EQ(stage_remove(&c, 1, "a", file), 0);
	CHECK_EQ(dxc_layer_compact(&c), 0);
	CHECK_EQ(stage_reload("c", &m), 0);
	end();
	tap_end("compaction writes no log that replay refuses for a name without an inode");
}

static void xattrs(void)
{
	begin();
	dxc_record_xattr(&rec, 2, DAXFS_XATTR_USER, "a", 1, "v", 1);
	CHECK_EQ(believes(), 0);
	end();
	begin();
	dxc_record_xattr(&rec, 1000, DAXFS_XATTR_USER, "a", 1, "v", 1);
	CHECK_EQ(believes(), -EUCLEAN);
	end();
	begin();
	dxc_record_xattr(&rec, 1000, DAXFS_XATTR_USER, "a", 1, NULL, 0);
	CHECK_EQ(believes(), -EUCLEAN);
	end();
	tap_end("xattrs of inodes that nobody made are not believed");
}

static u32 longest_chain(const struct dxc_layer *layer)
{
	const struct dxc_node *node;
	const struct dxc_name *name;
	u32 i, n, longest = 0;

	for (i = 0; i <= layer->node_mask; i++) {
		for (n = 0, node = layer->nodes[i]; node; node = node->next)
			n++;
		longest = max_t(u32, longest, n);
	}
	for (i = 0; i <= layer->name_mask; i++) {
		for (n = 0, name = layer->names[i]; name; name = name->next)
			n++;
		longest = max_t(u32, longest, n);
	}
	return longest;
}

static void chains(void)
{
	static const u64 constant = 0x9e3779b97f4a7c15ull;
	u64 inverse = constant, before = broken_secret, random = 4711;
	u32 i, k, way, longest[3] = { 0 };
	struct dxc_attr attr = { .mode = S_IFREG | 0600, .nlink = 1 }, root;
	char name[201];

	for (i = 0; i < 6; i++)
		inverse *= 2 - constant * inverse;
	for (way = 0; way < 3; way++) {
		broken_secret = broken_random(&random);
		stage_open(1024, &m);
		root = stage_attr(&m, 1);
		for (i = 0; i < 4096; i++) {
			/* Two bytes that differ undo what another did, whatever the seed. */
			memset(name, 'n', 192);
			for (k = 0; k < 12; k++)
				if (i >> k & 1) {
					name[k * 16 + 7] ^= 0x80;
					name[k * 16 + 11] ^= 0x80;
					name[k * 16 + 15] ^= 0x80;
				}
			/* In one chain by a known factor; equal but for the uppermost bits. */
			attr.ino = way == 0 ? (i + 1) * inverse : 5000 + i;
			if (way == 1)
				attr.ino = (u64)(i + 1) << 48 | 77;
			if (way < 2)
				snprintf(name, sizeof(name), "%u", i);
			CHECK_EQ(dxc_op_create(&m, &root, name, strnlen(name, 192), &attr,
					       NULL, NULL, 0),
				 0);
		}
		longest[way] = longest_chain(&m);
		stage_close(&m);
	}
	broken_secret = before;
	CHECK(longest[0] < 30 && longest[1] < 30 && longest[2] < 30);
	tap_end("numbers and names chosen to be in one place are not: chains of %u, %u and %u of 4096",
		longest[0], longest[1], longest[2]);
}

/* Three records of one size, of which only the first counts. */
static void damage_log(struct dxc_layer *layer)
{
	struct dxc_attr base = stage_attr(layer, 2);
	dxc_off end_of_second;
	u32 size = 0, i;

	for (i = 1; i <= 3; i++) {
		size = layer->log.used;
		base.uid = i;
		CHECK_EQ(dxc_op_setattr(layer, &base), 0);
	}
	end_of_second = dxc_chunk_offset(stage, layer->log.chunk) + size;
	stage->region.base[end_of_second - 1] ^= 1;
	dxc_layer_free(layer);
}

static void damage(void)
{
	stage_open(64, &m);
	damage_log(&m);
}

/* Nothing is added to the log, or given back, and what is there is shown. */
static void stays_as_it_is(void)
{
	u64 size = stage->region.size;
	struct dxc_attr root;
	u8 *before = malloc(size);

	stage_load_to_write(&m);
	memcpy(before, stage->region.base, size);
	CHECK(m.damaged);
	CHECK_EQ(stage_attr(&m, 2).uid, 1);
	root = stage_attr(&m, 1);
	root.uid = 77;
	CHECK_EQ(dxc_op_setattr(&m, &root), -EUCLEAN);
	CHECK(!memcmp(before, stage->region.base, size));
	free(before);
}

static void damages(void)
{
	struct dxc_attr root;
	dxc_chunk chunk;
	dxc_off end;
	u64 last;

	damage();
	stays_as_it_is();
	stage_close(&m);
	tap_end("nothing is added to a log after a damaged record, which could bring back what comes after it");

	damage();
	CHECK_EQ(stage_load(&m, "main", NULL, &stage_space, NULL), 0);
	end = dxc_chunk_offset(stage, m.log.chunk) + m.log.used;
	CHECK(m.behind > end && m.log.used < dxc_log_size(stage, &m.log));
	stage_close(&m);
	tap_end("who loads a log to read only is told of the damage");

	stage_open(64, &m);
	root = stage_attr(&m, 1);
	CHECK_EQ(dxc_op_setattr(&m, &root), 0);
	dxc_layer_free(&m);
	stage->region.poisons = true;
	last = broken_copies;
	stage_load_to_write(&m);
	last = broken_copies - last;
	dxc_layer_free(&m);
	/* What is behind the log's end is looked at twice: is it a record, is it zero? */
	broken_copy_at = last - 1;
	stage_load_to_write(&m);
	CHECK_EQ(m.unread, -EIO);
	CHECK(!m.damaged);
	chunk = m.log.chunk;
	root.uid = 77;
	CHECK_EQ(dxc_op_setattr(&m, &root), 0);
	CHECK(m.log.chunk != chunk);
	chunk = m.log.chunk;
	CHECK_EQ(dxc_op_setattr(&m, &root), 0);
	CHECK_EQ(m.log.chunk, chunk);
	dxc_layer_free(&m);
	stage_load_to_write(&m);
	CHECK_EQ(stage_attr(&m, 1).uid, 77);
	stage_close(&m);
	tap_end("memory that is broken behind the end of a log is not written to, and costs nothing else");
}

/* The number that a branch without a log begins with: the entry's, or a later one. */
static void numbers(void)
{
	struct dxc_branch br;
	dxc_off entry;
	__le64 one = cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, 1));
	dxc_ino ino;

	begin();
	CHECK_EQ(dxc_branch_find(stage, "c", &br), 0);
	dxc_layer_free(&c);
	CHECK_EQ(stage_make(&m, 1, "in main", S_IFREG | 0644, &ino), 0);
	entry = dxc_branch_head_at(stage, br.id.branch) -
		offsetof(struct daxfs_branch, br_head);
	dxc_region_write(stage, entry + offsetof(struct daxfs_branch, br_first_seq), &one,
			 sizeof(one));
	CHECK_EQ(stage_load(&c, "c", &m, &stage_space, NULL), 0);
	CHECK_EQ(stage_make(&c, 1, "in c", S_IFREG | 0644, &ino), 0);
	stage_commit(&c, &m);
	CHECK_EQ(stage_reload("main", NULL), 0);
	stage_close(&m);
	tap_end("a branch goes on with numbers after its parent's, whatever its entry says");
}

/* What a log takes away from a base that says nothing true any more. */
static void damaged_base(void)
{
	struct daxfs_dirent *de;

	stage_open(64, &m);
	CHECK_EQ(stage_remove(&m, 1, "base", 2), 0);
	de = (struct daxfs_dirent *)(stage->region.base +
				     stage->area[DAXFS_AREA_DIRS].offset);
	de->de_ino = cpu_to_le32(0);
	CHECK_EQ(stage_reload("main", NULL), 0);
	de->de_ino = cpu_to_le32(2);
	de->de_len = 1;
	de->de_hash = 0;
	CHECK_EQ(stage_reload("main", NULL), -EUCLEAN);
	stage_close(&m);
	tap_end("a log may take a name from a directory that is damaged, but none that is not there");
}

void lies_tests(void)
{
	static void (*const parts[])(void) = { names,	times,	 sizes,
					       links,	xattrs,	 chains,
					       damages, numbers, damaged_base };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i]();
}
