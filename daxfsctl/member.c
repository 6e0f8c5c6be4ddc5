// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the bytes of an archive's files reachable at any position, in any
 * order, from any thread: finding equal files and copying need that, and a
 * stream gives them once. Knows nothing of archives but where they put bytes.
 */
#include "member.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool.h"
#include "tree.h"

int members_use_archive(struct members *members, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	members->fd = fd;
	members->size = st.st_size;
	members->mtime = st.st_mtim;
	return 0;
}

/* ---- while the archive is read ---- */

static int add_part(struct members *members, u64 pos, u64 off, u64 len, bool is_spooled)
{
	struct member_part *part, *more;
	u32 count = members->part_count;

	members->stored += len;
	if (count) {
		part = &members->parts[count - 1];
		if (part->pos + part->len == pos && part->off + part->len == off &&
		    part->is_spooled == is_spooled) {
			part->len += len;
			return 0;
		}
	}
	if (count == UINT32_MAX)
		return -EFBIG;
	/* Room is a power of two, and is kept from one member to the next. */
	if (!(count & (count - 1))) {
		more = realloc(members->parts, (count ? count * 2ull : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		members->parts = more;
	}
	part = &members->parts[count];
	part->pos = pos;
	part->len = len;
	part->off = off;
	part->is_spooled = is_spooled;
	members->part_count++;
	return 0;
}

int members_spool(struct members *members, u64 pos, const void *bytes, size_t len)
{
	size_t done = 0;

	if (members->spool < 0) {
		int fd = spool_open();

		if (fd < 0)
			return fd;
		members->spool = fd;
	}
	while (done < len) {
		ssize_t n = pwrite(members->spool, (const u8 *)bytes + done, len - done,
				   (off_t)(members->spooled + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += n;
	}
	members->spooled += len;
	return add_part(members, pos, members->spooled - len, len, true);
}

int members_leave(struct members *members, u64 pos, u64 off, size_t len)
{
	return add_part(members, pos, off, len, false);
}

const struct member *members_end(struct members *members, struct tree *tree, u64 size)
{
	struct member *member = tree_alloc(tree, sizeof(*member));
	struct member_part *parts = NULL;

	if (!member)
		return NULL;
	if (members->part_count) {
		parts = tree_alloc(tree, members->part_count * sizeof(*parts));
		if (!parts)
			return NULL;
		memcpy(parts, members->parts, members->part_count * sizeof(*parts));
	}
	member->size = size;
	member->stored = members->stored;
	member->count = members->part_count;
	member->parts = parts;
	members->part_count = 0;
	members->stored = 0;
	return member;
}

/* ---- afterwards ---- */

static int open_any(const struct tree *tree)
{
	const struct members *members = tree->members;
	int fd = members->spool >= 0 ? members->spool : members->fd;

	/* An archive with nothing but holes has neither. */
	fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Is the archive that bytes were left in what it was when it was opened? */
static int confirm(struct tree *tree)
{
	const struct members *members = tree->members;
	struct stat st;

	if (members->fd < 0 ||
	    (fstat(members->fd, &st) == 0 && (u64)st.st_size == members->size &&
	     st.st_mtim.tv_sec == members->mtime.tv_sec &&
	     st.st_mtim.tv_nsec == members->mtime.tv_nsec))
		return 0;
	return tree_blame_path(tree, members->archive, "changed while it was read", 0);
}

/* The part that pos is in, or else the first one behind it: count if there is none. */
static u32 find_part(const struct member *member, u64 pos)
{
	u32 low = 0, high = member->count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (member->parts[middle].pos + member->parts[middle].len <= pos)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static ssize_t read_file(const struct tree *tree, const struct tree_inode *inode, void *buf,
			 size_t len, u64 pos)
{
	const struct members *members = tree->members;
	const struct member *member = inode->member;
	u32 at = find_part(member, pos);
	u64 next = at < member->count ? member->parts[at].pos : member->size;
	const struct member_part *part;

	if (pos >= member->size)
		return 0;
	if (pos < next) {
		len = min_t(u64, len, next - pos);
		memset(buf, 0, len);
		return (ssize_t)len;
	}
	part = &member->parts[at];
	len = min_t(u64, len, part->pos + part->len - pos);
	return pread(part->is_spooled ? members->spool : members->fd, buf, len,
		     (off_t)(part->off + (pos - part->pos)));
}

static int next_data(const struct tree *tree, const struct tree_inode *inode, u64 from,
		     u64 *data, u64 *hole)
{
	const struct member *member = inode->member;
	u32 at = find_part(member, from);

	(void)tree;
	if (at == member->count)
		return 0;
	*data = max_t(u64, from, member->parts[at].pos);
	*hole = member->parts[at].pos + member->parts[at].len;
	return 1;
}

static void free_members(struct tree *tree)
{
	if (tree->members->fd >= 0)
		close(tree->members->fd);
	if (tree->members->spool >= 0)
		close(tree->members->spool);
	free(tree->members->parts);
}

static const struct tree_files member_files = {
	.open = open_any,
	.confirm = confirm,
	.read = read_file,
	.next_data = next_data,
	.free = free_members,
};

int members_attach(struct tree *tree, const char *archive)
{
	struct members *members = tree_alloc(tree, sizeof(*members));

	if (!members)
		return -ENOMEM;
	members->archive = archive;
	members->fd = -1;
	members->spool = -1;
	tree->members = members;
	tree->files = &member_files;
	return 0;
}
