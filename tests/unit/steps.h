/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much the core has done, as a number that is the same each time: basic
 * blocks that were run, which the compiler counts (-fsanitize-coverage).
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdint.h>

extern uint64_t steps;

#endif
