/* SPDX-License-Identifier: GPL-2.0-only */
/* The groups of unit tests, one per file. */
#ifndef TESTS_H
#define TESTS_H

void layout_tests(void);
void names_tests(void);
void codec_tests(void);
void directories_tests(void);
void extents_tests(void);
void xattrs_tests(void);
void rules_tests(void);
void bytes_tests(void);
void logs_tests(void);
void branches_tests(void);
void crashes_tests(void);
void mounts_tests(void);
void tally_tests(void);
void views_tests(void);
void layers_tests(void);
void fullness_tests(void);
void lies_tests(void);
void repair_tests(void);
void races_tests(void);
void fencing_tests(void);
void takeover_tests(void);
void follow_tests(void);
void reuse_tests(void);
void extremes_tests(void);
void proportion_tests(void);
void diffs_tests(void);

#endif
