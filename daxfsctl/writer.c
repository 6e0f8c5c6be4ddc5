// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns a laid-out tree into bytes, which the core encodes. The order matters
 * in two ways: contents come before metadata, because a UUID that is derived
 * from the contents seeds the hashes in the directories; and the superblock
 * comes last, after everything it speaks for is stored.
 */
#include "writer.h"

#include <sys/random.h>
#include <unistd.h>

#include "../kmod/core/branch.h"
#include "checksum.h"
#include "digest.h"
#include "parallel.h"

#define BUFFER_BYTES	(256u << 10)

/* Pieces that follow each other in the image and fit one buffer, or a long one. */
struct copy_job {
	size_t first;
	size_t count;
};

struct copy {
	struct writer *writer;
	struct copy_job *jobs;
	size_t count;
};

struct copier {
	struct tree_cursor cursor;
	u8 *buf;
};

static int fail(struct writer *writer, int err, const char *what)
{
	writer->what = what;
	return err;
}

static u64 round_up(u64 n)
{
	return (n + DAXFS_BLOCK_SIZE - 1) & ~(u64)(DAXFS_BLOCK_SIZE - 1);
}

/* ---- contents ---- */

static void *enter(void *priv)
{
	struct copier *copier = malloc(sizeof(*copier));

	(void)priv;
	if (!copier)
		return NULL;
	copier->buf = malloc(BUFFER_BYTES);
	if (!copier->buf) {
		free(copier);
		return NULL;
	}
	tree_cursor_init(&copier->cursor);
	return copier;
}

static void leave(void *priv, void *local)
{
	struct copier *copier = local;

	(void)priv;
	tree_cursor_close(&copier->cursor);
	free(copier->buf);
	free(copier);
}

static void tick(void *priv)
{
	struct copy *copy = priv;

	progress_draw(copy->writer->progress);
}

/* Addition, so that the order in which threads read does not matter. */
static void add_digest(struct tree_content *content, struct digest *digest)
{
	u64 sum[2];

	digest_end(digest, sum);
	__atomic_fetch_add(&content->digest[0], sum[0], __ATOMIC_RELAXED);
	__atomic_fetch_add(&content->digest[1], sum[1], __ATOMIC_RELAXED);
}

/* Reads len bytes of a piece to buf, and zeros up to room. */
static int read_part(struct writer *writer, struct layout_piece *piece, int fd,
		     u8 *buf, u64 from, u64 len, u64 room, struct digest *digest)
{
	int err = tree_read_file(writer->tree, piece->content->owner, fd, buf, len,
				 piece->pos + from);

	if (err)
		return err;
	memset(buf + len, 0, room - len);
	piece->checksum = dxc_crc32c(piece->checksum, buf, len);
	if (writer->derive_uuid)
		digest_add(digest, buf, len);
	return 0;
}

/* A piece that is longer than the buffer. */
static int copy_long(struct writer *writer, struct layout_piece *piece, int fd,
		     u8 *buf, struct digest *digest)
{
	int err = 0;

	for (u64 done = 0; done < piece->len && !err; done += BUFFER_BYTES) {
		u64 len = min_t(u64, piece->len - done, BUFFER_BYTES);

		if (tree_is_cancelled(writer->tree))
			return -EINTR;
		err = read_part(writer, piece, fd, buf, done, len, round_up(len), digest);
		if (err)
			return err;
		err = target_write(writer->target, piece->off + done, buf, round_up(len));
		if (err)
			fail(writer, err, "cannot be written");
	}
	return err;
}

/* A piece that fits the buffer is left in it, a longer one is written. */
static int copy_piece(struct writer *writer, struct copier *copier,
		      struct layout_piece *piece, u8 *buf)
{
	const struct tree_inode *owner = piece->content->owner;
	struct digest digest;
	int fd, err;

	fd = tree_open_file(writer->tree, &copier->cursor, owner);
	if (fd < 0)
		return fd;
	digest_init(&digest, piece->pos);
	if (piece->len <= BUFFER_BYTES)
		err = read_part(writer, piece, fd, buf, 0, piece->len, piece->room, &digest);
	else
		err = copy_long(writer, piece, fd, buf, &digest);
	if (!err)
		err = tree_confirm_file(writer->tree, owner, fd);
	if (!err && writer->derive_uuid)
		add_digest(piece->content, &digest);
	close(fd);
	progress_add(writer->progress, piece->len);
	return err;
}

static int run_job(void *priv, void *local, size_t index)
{
	struct copy *copy = priv;
	struct writer *writer = copy->writer;
	const struct copy_job *job = &copy->jobs[index];
	struct layout_piece *pieces = &writer->layout->pieces[job->first];
	struct copier *copier = local;
	int err = 0;

	for (size_t i = 0; i < job->count && !err; i++)
		err = copy_piece(writer, copier, &pieces[i],
				 copier->buf + (pieces[i].off - pieces[0].off));
	if (err || pieces[0].len > BUFFER_BYTES)
		return err;
	err = target_write(writer->target, pieces[0].off, copier->buf,
			   pieces[job->count - 1].off - pieces[0].off +
			   pieces[job->count - 1].room);
	return err ? fail(writer, err, "cannot be written") : 0;
}

static int make_jobs(struct copy *copy)
{
	const struct layout *layout = copy->writer->layout;
	const struct layout_piece *first = NULL;
	u64 end = 0;

	if (!layout->piece_count)
		return 0;
	copy->jobs = calloc(layout->piece_count, sizeof(*copy->jobs));
	if (!copy->jobs)
		return -ENOMEM;
	for (size_t i = 0; i < layout->piece_count; i++) {
		const struct layout_piece *piece = &layout->pieces[i];
		u64 piece_end = piece->off + piece->room;

		if (first && piece->off == end && piece_end - first->off <= BUFFER_BYTES) {
			copy->jobs[copy->count - 1].count++;
		} else {
			first = piece;
			copy->jobs[copy->count].first = i;
			copy->jobs[copy->count].count = 1;
			copy->count++;
		}
		end = piece_end;
	}
	return 0;
}

static int order_pieces(const void *a, const void *b)
{
	const struct layout_piece *x = *(struct layout_piece *const *)a;
	const struct layout_piece *y = *(struct layout_piece *const *)b;

	if (x->content != y->content)
		return x->content->owner->number < y->content->owner->number ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/* Of files, from those of their pieces, which were read in any order. */
static int join_checksums(const struct layout *layout)
{
	struct layout_piece **sorted;

	if (!layout->piece_count)
		return 0;
	sorted = calloc(layout->piece_count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < layout->piece_count; i++)
		sorted[i] = &layout->pieces[i];
	qsort(sorted, layout->piece_count, sizeof(*sorted), order_pieces);
	for (size_t i = 0; i < layout->piece_count; i++)
		sorted[i]->content->checksum = checksum_join(sorted[i]->content->checksum,
							     sorted[i]->checksum,
							     sorted[i]->len);
	free(sorted);
	return 0;
}

static int write_contents(struct writer *writer)
{
	struct copy copy = { .writer = writer };
	struct parallel work = {
		.priv = &copy,
		.job = run_job,
		.enter = enter,
		.leave = leave,
		.tick = tick,
		.cancelled = writer->tree->options->cancelled,
	};
	int err;

	progress_start(writer->progress, "copying", writer->layout->bytes_to_copy);
	err = make_jobs(&copy);
	work.jobs = copy.count;
	if (!err)
		err = parallel_run(&work);
	free(copy.jobs);
	return err ? err : join_checksums(writer->layout);
}

static int zero_gaps(struct writer *writer)
{
	int err = 0;

	if (writer->target->is_zero)
		return 0;
	for (size_t i = 0; i < writer->layout->gap_count && !err; i++)
		err = target_zero(writer->target, writer->layout->gaps[i].off,
				  writer->layout->gaps[i].len);
	return err ? fail(writer, err, "cannot be written") : 0;
}

/* ---- what follows from the tree ---- */

static void clamp_time(const struct writer *writer, const struct tree_inode *inode,
		       s64 *sec, u32 *nsec)
{
	*sec = inode->mtime;
	*nsec = inode->mtime_nsec;
	if (writer->has_epoch && *sec >= writer->epoch) {
		*sec = writer->epoch;
		*nsec = 0;
	}
}

static void digest_inode(const struct writer *writer, struct digest *d,
			 const struct tree_inode *inode)
{
	u32 nsec;
	s64 sec;

	clamp_time(writer, inode, &sec, &nsec);
	digest_add_number(d, (u64)inode->mode << 32 | inode->nlink);
	digest_add_number(d, (u64)inode->uid << 32 | inode->gid);
	digest_add_number(d, inode->size);
	digest_add_number(d, (u64)sec);
	digest_add_number(d, (u64)nsec << 32 | inode->xattr);
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		if (inode->file.content) {
			digest_add_number(d, inode->file.content->digest[0]);
			digest_add_number(d, inode->file.content->digest[1]);
		}
		break;
	case S_IFDIR:
		for (u32 i = 0; i < inode->dir.count; i++) {
			const struct tree_entry *entry = &inode->dir.entries[i];

			digest_add_number(d, (u64)entry->len << 32 | entry->inode->number);
			digest_add(d, entry->name, entry->len);
		}
		break;
	case S_IFLNK:
		digest_add(d, inode->link.target, inode->size);
		break;
	case S_IFCHR:
	case S_IFBLK:
		digest_add_number(d, (u64)inode->device.major << 32 | inode->device.minor);
		break;
	}
}

/* A version 8 UUID (RFC 9562): the bits are the maker's choice. */
static void derive_uuid(struct writer *writer)
{
	const struct tree *tree = writer->tree;
	struct digest d;
	u64 sum[2];
	__le64 raw;

	digest_init(&d, 0);
	digest_add(&d, writer->label, strlen(writer->label) + 1);
	digest_add(&d, tree->xattrs.bytes, tree->xattrs.length);
	for (u32 i = 0; i < tree->inode_count; i++)
		digest_inode(writer, &d, tree->inodes[i]);
	/* A writable image is another one than a read-only one of the same tree. */
	if (writer->layout->chunk_size) {
		digest_add_number(&d, writer->layout->branch_count);
		digest_add_number(&d, writer->layout->area[DAXFS_AREA_DELTA].length);
	}
	digest_end(&d, sum);
	for (int i = 0; i < 2; i++) {
		raw = cpu_to_le64(sum[i]);
		memcpy(writer->uuid + i * sizeof(raw), &raw, sizeof(raw));
	}
	writer->uuid[6] = (writer->uuid[6] & 0x0f) | 0x80;
	writer->uuid[8] = (writer->uuid[8] & 0x3f) | 0x80;
}

static u64 hash_seed(const struct writer *writer)
{
	u64 sum[2];

	digest_bytes(DAXFS_SUPER_MAGIC, writer->uuid, sizeof(writer->uuid), sum);
	return sum[0];
}

/* ---- metadata ---- */

/* Writes an area whose bytes are in buf. */
static int write_area(struct writer *writer, unsigned int id, const u8 *buf)
{
	struct dxc_area *area = &writer->layout->area[id];
	int err;

	area->checksum = dxc_crc32c(0, buf, area->length);
	err = target_write(writer->target, area->offset, buf, area->length);
	return err ? fail(writer, err, "cannot be written") : 0;
}

static void encode_inode(const struct writer *writer, const struct tree_inode *inode,
			 struct daxfs_inode *raw)
{
	struct dxc_inode out = {
		.ino = inode->number,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
		.nlink = inode->nlink,
		.xattr = inode->xattr,
		.size = inode->size,
	};
	const struct tree_content *content;

	clamp_time(writer, inode, &out.mtime, &out.mtime_nsec);
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		content = inode->file.content;
		if (content && content->sparse) {
			out.flags = DAXFS_IN_EXTENTS;
			out.count = content->part_count;
			out.data = content->extents;
		} else if (content) {
			out.flags = content->packed ? DAXFS_IN_PACKED : 0;
			out.data = content->whole.data;
		}
		if (content)
			out.checksum = content->checksum;
		break;
	case S_IFDIR:
		out.parent = inode->parent->number;
		out.count = inode->dir.count;
		out.entry_size = inode->dir.entry_size;
		out.data = inode->dir.offset;
		break;
	case S_IFLNK:
		out.data = inode->link.offset;
		break;
	case S_IFCHR:
	case S_IFBLK:
		out.rdev_major = inode->device.major;
		out.rdev_minor = inode->device.minor;
		break;
	}
	dxc_inode_encode(&out, raw);
}

static void fill_inodes(const struct writer *writer, u8 *buf)
{
	for (u32 i = 0; i < writer->tree->inode_count; i++)
		encode_inode(writer, writer->tree->inodes[i],
			     (struct daxfs_inode *)buf + i);
}

static int order_entries(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return dxc_name_cmp(x->name, x->len, y->name, y->len);
}

static void fill_dirs(const struct writer *writer, u8 *buf)
{
	u64 seed = hash_seed(writer);

	for (u32 i = 0; i < writer->tree->inode_count; i++) {
		struct tree_inode *dir = writer->tree->inodes[i];
		u8 *at;

		if (!S_ISDIR(dir->mode) || !dir->dir.count)
			continue;
		for (u32 k = 0; k < dir->dir.count; k++)
			dir->dir.entries[k].hash = dxc_name_hash(seed, dir->dir.entries[k].name,
								 dir->dir.entries[k].len);
		qsort(dir->dir.entries, dir->dir.count, sizeof(*dir->dir.entries),
		      order_entries);
		at = buf + (dir->dir.offset - writer->layout->area[DAXFS_AREA_DIRS].offset);
		for (u32 k = 0; k < dir->dir.count; k++, at += dir->dir.entry_size) {
			const struct tree_entry *entry = &dir->dir.entries[k];

			dxc_dirent_encode(at, dir->dir.entry_size, entry->hash,
					  entry->inode->number,
					  dxc_type_of_mode(entry->inode->mode),
					  entry->name, entry->len);
		}
	}
}

static void fill_xattrs(const struct writer *writer, u8 *buf)
{
	memcpy(buf, writer->tree->xattrs.bytes, writer->tree->xattrs.length);
}

static void fill_links(const struct writer *writer, u8 *buf)
{
	for (u32 i = 0; i < writer->tree->inode_count; i++) {
		const struct tree_inode *link = writer->tree->inodes[i];

		if (S_ISLNK(link->mode))
			memcpy(buf + (link->link.offset -
				      writer->layout->area[DAXFS_AREA_LINKS].offset),
			       link->link.target, link->size + 1);
	}
}

static void fill_extents(const struct writer *writer, u8 *buf)
{
	for (size_t i = 0; i < writer->dedupe->count; i++) {
		const struct tree_content *content = writer->dedupe->contents[i];
		u8 *at;

		if (!content->sparse || !content->part_count)
			continue;
		at = buf + (content->extents -
			    writer->layout->area[DAXFS_AREA_EXTENTS].offset);
		for (u32 k = 0; k < content->part_count; k++)
			dxc_extent_encode(&content->parts[k],
					  (struct daxfs_extent *)at + k);
	}
}

static int write_metadata(struct writer *writer)
{
	static void (*const fill[DAXFS_AREA_COUNT])(const struct writer *, u8 *) = {
		[DAXFS_AREA_INODES] = fill_inodes,
		[DAXFS_AREA_DIRS] = fill_dirs,
		[DAXFS_AREA_XATTRS] = fill_xattrs,
		[DAXFS_AREA_LINKS] = fill_links,
		[DAXFS_AREA_EXTENTS] = fill_extents,
	};

	for (unsigned int id = 0; id < DAXFS_AREA_COUNT; id++) {
		u64 length = writer->layout->area[id].length;
		u8 *buf;
		int err;

		if (!fill[id] || !length)
			continue;
		if (tree_is_cancelled(writer->tree))
			return -EINTR;
		buf = calloc(1, length);
		if (!buf)
			return fail(writer, -ENOMEM, "cannot be written");
		fill[id](writer, buf);
		err = write_area(writer, id, buf);
		free(buf);
		if (err)
			return err;
	}
	return 0;
}

/* The image as the core will see it. */
static void describe(const struct writer *writer, struct dxc_volume *vol)
{
	const struct layout *layout = writer->layout;

	vol->region.size = layout->image_size;
	memcpy(vol->area, layout->area, sizeof(vol->area));
	vol->inode_count = writer->tree->inode_count;
	vol->hash_seed = hash_seed(writer);
	vol->data_blocks = layout->data_blocks;
	vol->created = writer->created;
	memcpy(vol->uuid, writer->uuid, sizeof(vol->uuid));
	memcpy(vol->label, writer->label, strnlen(writer->label, DAXFS_LABEL_LEN));
	if (!layout->chunk_size)
		return;
	vol->incompat = DAXFS_INCOMPAT_DELTA;
	vol->chunk_size = layout->chunk_size;
	vol->branch_count = layout->branch_count;
	vol->mount_count = layout->mount_count;
}

/* ---- shared state and tables ---- */

/*
 * Where the salts of log chunks start. The delta area of a target that holds
 * something is not overwritten: there may be whole records of an earlier image,
 * at the places where this one's will be, and only their salt tells them from
 * records of this image. So they start somewhere else each time. A target of
 * zeros has no such records, and equal images are to have equal bytes.
 */
static int first_salt(const struct writer *writer, uint64_t *salt)
{
	*salt = 1;
	if (writer->target->is_zero)
		return 0;
	if (getrandom(salt, sizeof(*salt), 0) != (ssize_t)sizeof(*salt))
		return -EIO;
	/* Most of the 52 bits are left to be used. */
	*salt = (*salt & 0x3ffffffffffff) + 1;
	return 0;
}

/* Nanoseconds, as far as they can be counted. */
static s64 created_nsec(const struct writer *writer)
{
	s64 nsec;

	return check_mul_overflow(writer->created, (s64)1000000000, &nsec) ? INT64_MAX : nsec;
}

/*
 * The core writes into a copy of the image's start, of which shared state and
 * branch table are written. The other tables are zeros already.
 */
static int write_tables(struct writer *writer)
{
	const struct dxc_area *shared = &writer->layout->area[DAXFS_AREA_SHARED];
	const struct dxc_area *branches = &writer->layout->area[DAXFS_AREA_BRANCHES];
	u64 size = branches->offset + branches->length;
	struct dxc_volume *vol;
	uint64_t salt;
	u8 *copy;
	int err = -ENOMEM;

	if (!branches->length)
		return 0;
	vol = calloc(1, sizeof(*vol));
	copy = calloc(1, size);
	if (!vol || !copy)
		goto out;
	describe(writer, vol);
	vol->region.base = copy;
	vol->region.size = size;
	err = first_salt(writer, &salt);
	if (err)
		goto out;
	/* Whoever makes it, equal images are equal: main is root's. */
	dxc_branch_format(vol, created_nsec(writer), 0, salt);
	err = target_write(writer->target, shared->offset, copy + shared->offset,
			   shared->length);
	if (!err)
		err = target_write(writer->target, branches->offset, copy + branches->offset,
				   branches->length);
out:
	free(copy);
	free(vol);
	return err ? fail(writer, err, "cannot be written") : 0;
}

/* ---- superblock ---- */

static int write_super(struct writer *writer)
{
	const struct layout *layout = writer->layout;
	struct dxc_volume *vol = calloc(1, sizeof(*vol));
	struct daxfs_super *sb = malloc(sizeof(*sb));
	int err = -ENOMEM;

	if (!vol || !sb)
		goto out;
	describe(writer, vol);
	dxc_super_encode(vol, sb);
	err = target_write(writer->target, dxc_super_copy_at(layout->image_size), sb, sizeof(*sb));
	/* Everything is stored before the block that says so. */
	if (!err)
		err = target_sync(writer->target);
	if (!err && tree_is_cancelled(writer->tree))
		err = -EINTR;
	if (!err)
		err = target_write(writer->target, 0, sb, sizeof(*sb));
	if (!err)
		err = target_sync(writer->target);
out:
	free(sb);
	free(vol);
	return err && err != -EINTR ? fail(writer, err, "cannot be written") : err;
}

static int verify(struct writer *writer)
{
	struct dxc_volume *vol = malloc(sizeof(*vol));
	void *map;
	int err;

	if (!vol)
		return fail(writer, -ENOMEM, "cannot be verified");
	err = target_map(writer->target, writer->layout->image_size, &map);
	if (!err) {
		err = dxc_volume_open(vol, map, writer->layout->image_size, NULL);
		target_unmap(writer->target, map, writer->layout->image_size);
	}
	free(vol);
	return err ? fail(writer, err, "is not the image that was written to it") : 0;
}

int writer_run(struct writer *writer)
{
	int err;

	err = zero_gaps(writer);
	if (!err)
		err = write_contents(writer);
	if (err)
		return err;
	if (writer->derive_uuid)
		derive_uuid(writer);
	err = write_metadata(writer);
	if (!err)
		err = write_tables(writer);
	if (!err)
		err = write_super(writer);
	if (!err)
		err = verify(writer);
	/* What is not right is not to be found by anybody. */
	if (err && target_zero(writer->target, 0, DAXFS_SB_SIZE) == 0)
		target_sync(writer->target);
	return err;
}
