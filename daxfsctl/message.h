/* SPDX-License-Identifier: GPL-2.0-only */
/* What daxfsctl says on stderr, in one form: "daxfsctl: VERB: what: why". */
#ifndef DAXFSCTL_MESSAGE_H
#define DAXFSCTL_MESSAGE_H

#include <stdio.h>

struct dxc_finding;

/* The verb that messages name; set once by main. */
void message_set_verb(const char *verb);
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * A finding of the core as a sentence without newline, e.g. "inode 7, /etc/fstab: impossible
 * size (123), at 0x200180". path: of the inode, or NULL.
 */
void message_finding(FILE *out, const struct dxc_finding *f, const char *path);

#endif
