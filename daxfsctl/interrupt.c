// SPDX-License-Identifier: GPL-2.0-only
/* Catches the signals that ask the program to stop. */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

void interrupt_catch(void (*handler)(int number), int flags)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action, before;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	/* No SA_RESTART: a read that waits is to be given up. */
	action.sa_flags = flags;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (sigaction(numbers[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}
