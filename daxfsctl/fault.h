/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapped source can become shorter, or its memory break, while it is read:
 * the process then gets SIGBUS wherever it happens to be.
 */
#ifndef DAXFSCTL_FAULT_H
#define DAXFSCTL_FAULT_H

/* From now on SIGBUS ends the process with one line on stderr and this status. */
void fault_exits_with(int status);

#endif
