/* SPDX-License-Identifier: GPL-2.0-only */
/* Somebody wants the program to stop: Ctrl-C, kill, a terminal that goes. */
#ifndef DAXFSCTL_INTERRUPT_H
#define DAXFSCTL_INTERRUPT_H

/*
 * handler is called for SIGINT, SIGTERM and SIGHUP, but for those that are ignored:
 * nohup and friends stay in force. A call that waits is given up. flags: as in
 * struct sigaction.
 */
void interrupt_catch(void (*handler)(int number), int flags);

#endif
