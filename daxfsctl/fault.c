// SPDX-License-Identifier: GPL-2.0-only
/*
 * SIGBUS from a mapped source, as a sentence and an exit status. For applets
 * that leave nothing behind when they end anywhere; mkfs is not one of them.
 */
#include "fault.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static int fault_status;

static void on_fault(int number)
{
	static const char text[] =
		"daxfsctl: the source became shorter, or its memory broke, while it was read\n";

	(void)number;
	/* Nothing is left to do about a stderr that takes no more. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(fault_status);
	_exit(fault_status);
}

void fault_exits_with(int status)
{
	struct sigaction action;

	fault_status = status;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_fault;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}
