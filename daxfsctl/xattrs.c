// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the xattrs of source files and collects them as the XATTRS area. Knows
 * which namespaces an image holds only by what the core says of a name.
 */
#include "xattrs.h"

#include <stdio.h>
#include <sys/xattr.h>

#include "../kmod/core/layer.h"
#include "digest.h"

struct one_xattr {
	u32 prefix;
	const char *full;
	const char *name;	/* without prefix */
	u32 len;
	const struct xattr_value *given; /* NULL: the value is to be read */
};

void xattrs_init(struct xattrs *xattrs)
{
	memset(xattrs, 0, sizeof(*xattrs));
}

void xattrs_free(struct xattrs *xattrs)
{
	free(xattrs->bytes);
	free(xattrs->index);
	free(xattrs->names);
	free(xattrs->set);
	xattrs_init(xattrs);
}

static int order(const void *a, const void *b)
{
	const struct one_xattr *x = a, *y = b;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return dxc_name_cmp(x->name, x->len, y->name, y->len);
}

static int make_room(u8 **bytes, u64 *room, u64 need)
{
	u64 more = *room ? *room : 4096;
	u8 *p;

	while (more < need)
		more *= 2;
	if (more == *room)
		return 0;
	p = realloc(*bytes, more);
	if (!p)
		return -ENOMEM;
	*bytes = p;
	*room = more;
	return 0;
}

static const struct daxfs_xattr_set *set_at(const struct xattrs *xattrs, u32 reference)
{
	return (const void *)(xattrs->bytes + (reference - 1) * 8ull);
}

static u64 hash_of(const void *set, u32 size)
{
	u64 digest[2];

	digest_bytes(0, set, size, digest);
	return digest[0];
}

static int grow_index(struct xattrs *xattrs)
{
	u64 room = xattrs->index_room ? xattrs->index_room * 2 : 256;
	u32 *index = calloc(room, sizeof(*index));

	if (!index)
		return -ENOMEM;
	for (u64 i = 0; i < xattrs->index_room; i++) {
		u32 reference = xattrs->index[i];
		const struct daxfs_xattr_set *set;
		u64 at;

		if (!reference)
			continue;
		set = set_at(xattrs, reference);
		at = hash_of(set, le32_to_cpu(set->xs_size)) & (room - 1);
		while (index[at])
			at = (at + 1) & (room - 1);
		index[at] = reference;
	}
	free(xattrs->index);
	xattrs->index = index;
	xattrs->index_room = room;
	return 0;
}

/* Finds the set of size bytes in the area, or appends it. */
static int share(struct xattrs *xattrs, const u8 *set, u32 size, u32 *reference)
{
	u64 at;
	int err;

	if (xattrs->sets >= xattrs->index_room / 2) {
		err = grow_index(xattrs);
		if (err)
			return err;
	}
	at = hash_of(set, size) & (xattrs->index_room - 1);
	for (; xattrs->index[at]; at = (at + 1) & (xattrs->index_room - 1)) {
		const struct daxfs_xattr_set *other = set_at(xattrs, xattrs->index[at]);

		if (le32_to_cpu(other->xs_size) == size && memcmp(other, set, size) == 0) {
			*reference = xattrs->index[at];
			return 0;
		}
	}
	/* References count multiples of 8 in 32 bits. */
	if (xattrs->length / 8 + 1 + size / 8 > UINT32_MAX)
		return -EFBIG;
	err = make_room(&xattrs->bytes, &xattrs->room, xattrs->length + size);
	if (err)
		return err;
	memcpy(xattrs->bytes + xattrs->length, set, size);
	xattrs->index[at] = xattrs->length / 8 + 1;
	*reference = xattrs->index[at];
	xattrs->length += size;
	xattrs->sets++;
	return 0;
}

static ssize_t read_value(const char *path, const struct one_xattr *one, u8 *value)
{
	if (!one->given)
		return lgetxattr(path, one->full, value, DAXFS_XATTR_VALUE_MAX);
	if (one->given->len > DAXFS_XATTR_VALUE_MAX) {
		errno = E2BIG;
		return -1;
	}
	if (one->given->len)
		memcpy(value, one->given->value, one->given->len);
	return (ssize_t)one->given->len;
}

/* Adds one xattr with its value to the set in scratch, which is *used long. */
static int append(struct xattrs *xattrs, const char *path, const struct one_xattr *one,
		  u64 *used, struct xattrs_problem *problem)
{
	/* The value is read behind the place of its entry, then moved there. */
	u64 most = dxc_xattr_entry_size(one->len, DAXFS_XATTR_VALUE_MAX);
	ssize_t n;
	u8 *value;
	int err;

	err = make_room(&xattrs->set, &xattrs->set_room,
			*used + most + DAXFS_XATTR_VALUE_MAX + 8);
	if (err)
		return err;
	value = xattrs->set + *used + most;
	n = read_value(path, one, value);
	if (n < 0 && (errno == ERANGE || errno == E2BIG)) {
		problem->what = "an xattr is longer than 64 KiB";
		return -E2BIG;
	}
	if (n < 0)
		return -errno;
	*used += dxc_xattr_encode(xattrs->set + *used, one->prefix, one->name, one->len,
				  value, n);
	if (*used > DAXFS_XATTR_SET_MAX - 8) {
		problem->what = "the xattrs together are longer than 1 MiB";
		return -E2BIG;
	}
	return 0;
}

/* Adds a name to the count that were found, unless an image does not hold it. */
static void select_name(const char *full, const struct xattr_value *given,
			struct one_xattr *found, size_t *count,
			struct xattrs_problem *problem)
{
	u32 prefix_len, prefix = dxc_xattr_split(full, &prefix_len);
	struct one_xattr *one = &found[*count];

	if (!prefix) {
		snprintf(problem->skipped, sizeof(problem->skipped), "%s", full);
		return;
	}
	one->prefix = prefix;
	one->full = full;
	one->name = full + prefix_len;
	one->len = strlen(full + prefix_len);
	one->given = given;
	(*count)++;
}

static int build_set(struct xattrs *xattrs, const char *path, struct one_xattr *found,
		     size_t count, u32 *reference, struct xattrs_problem *problem)
{
	struct daxfs_xattr_set head;
	u64 used = sizeof(head);
	int err;

	if (!count)
		return 0;
	qsort(found, count, sizeof(*found), order);
	for (size_t i = 0; i < count; i++) {
		err = append(xattrs, path, &found[i], &used, problem);
		if (err)
			return err;
	}
	while (used % 8)
		xattrs->set[used++] = 0;
	head.xs_size = cpu_to_le32((u32)used);
	head.xs_count = cpu_to_le32((u32)count);
	memcpy(xattrs->set, &head, sizeof(head));
	return share(xattrs, xattrs->set, used, reference);
}

int xattrs_read(struct xattrs *xattrs, const char *path, u32 *reference,
		struct xattrs_problem *problem)
{
	struct one_xattr *found;
	size_t count = 0;
	ssize_t n;
	int err;

	*reference = 0;
	problem->what = "its xattrs cannot be read";
	problem->skipped[0] = '\0';
	if (!xattrs->names) {
		xattrs->names = malloc(DXC_XATTR_LIST_MAX);
		if (!xattrs->names)
			return -ENOMEM;
	}
	n = llistxattr(path, xattrs->names, DXC_XATTR_LIST_MAX);
	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	if (!n)
		return 0;
	for (const char *p = xattrs->names; p < xattrs->names + n; p += strlen(p) + 1)
		count++;
	found = calloc(count, sizeof(*found));
	if (!found)
		return -ENOMEM;
	count = 0;
	for (const char *p = xattrs->names; p < xattrs->names + n; p += strlen(p) + 1)
		select_name(p, NULL, found, &count, problem);
	err = build_set(xattrs, path, found, count, reference, problem);
	free(found);
	return err;
}

int xattrs_store(struct xattrs *xattrs, const struct xattr_value *values, size_t count,
		 u32 *reference, struct xattrs_problem *problem)
{
	struct one_xattr *found;
	size_t selected = 0;
	int err;

	*reference = 0;
	problem->what = "its xattrs cannot be read";
	problem->skipped[0] = '\0';
	if (!count)
		return 0;
	found = calloc(count, sizeof(*found));
	if (!found)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		select_name(values[i].name, &values[i], found, &selected, problem);
	err = build_set(xattrs, NULL, found, selected, reference, problem);
	free(found);
	return err;
}
