// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encodes access control lists as the kernel does (linux/posix_acl_xattr.h), in
 * the order in which the kernel wants them. Entries that have a name and no
 * number, which is what GNU tar writes, mean users of this machine, as they do
 * when the archive is unpacked here.
 */
#include "acl.h"

#include <grp.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include "libarchive.h"

struct slot {
	u32 tag;
	u32 perm;
	u32 id;
};

static int order(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	/* The tags are in the kernel's order. */
	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static u32 tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	}
	return 0;
}

/* false: nobody here has this name. */
static bool look_up(const char *name, u32 tag, u32 *id)
{
	const struct passwd *user;
	const struct group *group;

	if (!name)
		return false;
	if (tag == ACL_USER) {
		user = getpwnam(name);
		if (user)
			*id = user->pw_uid;
		return user;
	}
	group = getgrnam(name);
	if (group)
		*id = group->gr_gid;
	return group;
}

/* The entries, sorted; how many, or -errno. Without ids where these do not matter. */
static int read_slots(struct archive_entry *entry, int type, bool ids, struct slot *slots,
		      int room, const char **what)
{
	int got, permset, tag, id, count = 0;
	const char *name;

	while (la.archive_entry_acl_next(entry, type, &got, &permset, &tag, &id, &name) == 0) {
		struct slot *slot = &slots[count];

		if (count == room)
			break;
		slot->tag = tag_of(tag);
		slot->perm = permset & 7;
		slot->id = (u32)ACL_UNDEFINED_ID;
		if (!slot->tag)
			continue;
		if (ids && (slot->tag == ACL_USER || slot->tag == ACL_GROUP)) {
			/* This and all that are larger. */
			if (id == INT_MAX) {
				*what = "has an access control list with a number "
					"that libarchive cannot tell";
				return -ENOTSUP;
			}
			if (id >= 0) {
				slot->id = id;
			} else if (!look_up(name, slot->tag, &slot->id)) {
				*what = "has an access control list with a name "
					"that is not known here, and no number";
				return -ENOTSUP;
			}
		}
		count++;
	}
	qsort(slots, count, sizeof(*slots), order);
	if (!ids)
		return count;
	for (int i = 1; i < count; i++)
		if (order(&slots[i - 1], &slots[i]) == 0) {
			*what = "has an access control list that names somebody twice";
			return -ENOTSUP;
		}
	return count;
}

/* Are these tags (which are bits) those of a whole list? */
static bool is_complete(u32 tags)
{
	u32 need = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER;

	if (tags & (ACL_USER | ACL_GROUP))
		need |= ACL_MASK;
	return (tags & need) == need;
}

static int encode(struct tree *tree, const struct slot *slots, int count,
		  struct xattr_value *value)
{
	struct posix_acl_xattr_header head = {
		.a_version = cpu_to_le32(POSIX_ACL_XATTR_VERSION),
	};
	u8 *raw;

	value->len = sizeof(head) + count * sizeof(struct posix_acl_xattr_entry);
	raw = tree_alloc(tree, value->len);
	if (!raw)
		return -ENOMEM;
	memcpy(raw, &head, sizeof(head));
	for (int i = 0; i < count; i++) {
		struct posix_acl_xattr_entry one = {
			.e_tag = cpu_to_le16(slots[i].tag),
			.e_perm = cpu_to_le16(slots[i].perm),
			.e_id = cpu_to_le32(slots[i].id),
		};

		memcpy(raw + sizeof(head) + i * sizeof(one), &one, sizeof(one));
	}
	value->value = raw;
	return 1;
}

int acl_encode(struct tree *tree, struct archive_entry *entry, int type,
	       struct xattr_value *value, u32 *mode, const char **what)
{
	bool is_access = type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	int room = la.archive_entry_acl_reset(entry, type), count;
	struct slot *slots;
	u32 tags = 0;

	if (room <= 0)
		return 0;
	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	count = read_slots(entry, type, value, slots, room, what);
	if (count <= 0)
		goto out;
	/* The group's bits of a mode are the mask, where libarchive has the group's own. */
	for (int i = 0; i < count; i++) {
		tags |= slots[i].tag;
		if (is_access && slots[i].tag == ACL_MASK)
			*mode = (*mode & ~070u) | slots[i].perm << 3;
	}
	if (!value) {
		count = 0;
		goto out;
	}
	if (!is_complete(tags)) {
		*what = "has an access control list that is not complete";
		count = -ENOTSUP;
		goto out;
	}
	if (is_access && count == 3) {
		count = 0;
		goto out;
	}
	value->name = is_access ? ACL_XATTR_ACCESS : ACL_XATTR_DEFAULT;
	count = encode(tree, slots, count, value);
out:
	free(slots);
	return count;
}

bool acl_is_valid(const void *value, size_t len)
{
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry one;
	u32 tag, last = 0, tags = 0;

	if (len < sizeof(head) || (len - sizeof(head)) % sizeof(one))
		return false;
	memcpy(&head, value, sizeof(head));
	if (head.a_version != cpu_to_le32(POSIX_ACL_XATTR_VERSION))
		return false;
	for (size_t at = sizeof(head); at < len; at += sizeof(one)) {
		memcpy(&one, (const u8 *)value + at, sizeof(one));
		tag = le16_to_cpu(one.e_tag);
		if (!tag || (tag & (tag - 1)) || tag > ACL_OTHER || le16_to_cpu(one.e_perm) > 7)
			return false;
		if (tag < last || (tag == last && tag != ACL_USER && tag != ACL_GROUP))
			return false;
		tags |= tag;
		last = tag;
	}
	return is_complete(tags);
}
