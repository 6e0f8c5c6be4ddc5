/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libarchive, which is loaded when a tar is read: it brings a dozen libraries
 * with it, and to link it would make each start of daxfsctl take five times as
 * long.
 */
#ifndef DAXFSCTL_LIBARCHIVE_H
#define DAXFSCTL_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

/* The functions that are used of it. */
#define LIBARCHIVE_FUNCTIONS(F)            \
	F(archive_entry_acl_next)          \
	F(archive_entry_acl_reset)         \
	F(archive_entry_gid)               \
	F(archive_entry_hardlink)          \
	F(archive_entry_mode)              \
	F(archive_entry_mtime)             \
	F(archive_entry_mtime_nsec)        \
	F(archive_entry_pathname)          \
	F(archive_entry_rdevmajor)         \
	F(archive_entry_rdevminor)         \
	F(archive_entry_size)              \
	F(archive_entry_symlink)           \
	F(archive_entry_uid)               \
	F(archive_entry_xattr_next)        \
	F(archive_entry_xattr_reset)       \
	F(archive_errno)                   \
	F(archive_error_string)            \
	F(archive_filter_count)            \
	F(archive_read_data_block)         \
	F(archive_read_free)               \
	F(archive_read_header_position)    \
	F(archive_read_new)                \
	F(archive_read_next_header)        \
	F(archive_read_open)               \
	F(archive_read_support_filter_all) \
	F(archive_read_support_format_raw) \
	F(archive_read_support_format_tar) \
	F(archive_set_error)

struct libarchive {
#define LIBARCHIVE_MEMBER(name) __typeof__(name) *name;
	LIBARCHIVE_FUNCTIONS(LIBARCHIVE_MEMBER)
#undef LIBARCHIVE_MEMBER
};

/* Its functions, once libarchive_load() has found them. */
extern struct libarchive la;

/*
 * Finds them; it stays loaded. NULL, or what keeps it from being used, good
 * until the next call.
 */
const char *libarchive_load(void);

#endif
