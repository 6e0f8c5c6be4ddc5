/* SPDX-License-Identifier: GPL-2.0-only */
/* Access control lists of an archive, as the xattrs that Linux keeps them in. */
#ifndef DAXFSCTL_ACL_H
#define DAXFSCTL_ACL_H

#include "tree.h"

struct archive_entry;

#define ACL_XATTR_ACCESS	"system.posix_acl_access"
#define ACL_XATTR_DEFAULT	"system.posix_acl_default"

/*
 * The list of one type (ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT) as the value
 * of an xattr, in memory of the tree. 1; 0 when there is none that says more
 * than a mode; or -errno, -ENOTSUP with *what when an image cannot hold it.
 * *mode gets the permissions that go with an access list; with value NULL
 * nothing else is done.
 */
int acl_encode(struct tree *tree, struct archive_entry *entry, int type,
	       struct xattr_value *value, u32 *mode, const char **what);
/* Is the value of such an xattr a list that the kernel takes? */
bool acl_is_valid(const void *value, size_t len);

#endif
