// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of branches and their chunks: commit, abort, and going on with
 * either where somebody left off.
 *
 * What follows from a decision (DEAD, br_winner) is worked out on a copy of the
 * table's links, struct tree, in time that grows with the table only, whatever
 * the links are; then it is carried out in steps, each of which can be the last
 * one. Fences are as in branch.c. Nothing here knows what a log says.
 */
#include "words.h"

#define PAUSE_EVERY	4096
/* Others that take the lease between a look at the end of a log and its exchange. */
#define JOIN_TRIES	64

enum fate {
	NOBODY,		/* no branch */
	LIVE,		/* not looked into yet */
	WALKED,		/* on the way up from one that is being looked into */
	STAYS,
	UNKNOWN,	/* the entry cannot be: touched by nobody, children stay */
	DOOMED,		/* LIVE in the region, but dead */
	DEAD,
	WON,		/* its parent's winner: DEAD once its chunks are the parent's */
};

struct node {
	struct dxc_owner parent;
	u64 generation;		/* UNKNOWN: 0 where that cannot be read either */
	u8 fate;
	u64 winner;	/* br_winner, to be cleared; 0: nothing is to be done about it */
	bool has_won;	/* a child of it is WON */
};

struct tree {
	const struct dxc_volume *vol;
	struct node *nodes;	/* one for each entry of the table */
	u32 count;		/* from here on all are NOBODY */
};

static struct dxc_owner node_id(const struct tree *tree, u32 index)
{
	struct dxc_owner id = { .branch = index, .generation = tree->nodes[index].generation };

	return id;
}

/* Is parent the one that node says it has? */
static bool is_parent(const struct node *parent, const struct node *node)
{
	return parent->generation == node->parent.generation;
}

/*
 * Dooms what descends from the dead: follows each branch's parents up to one
 * whose fate is known, then gives all on the way the same. Every node is passed
 * twice, and a loop, which only somebody hostile makes, stays. So does what has
 * a parent that is not there: an entry is free once its children are dead, so
 * that was damage, and no word of anybody's that they are to go.
 */
static void doom_descendants(struct tree *tree)
{
	struct node *nodes = tree->nodes, *parent;
	u32 i, at;
	u8 fate;

	for (i = 0; i < tree->count; i++)
		if (nodes[i].fate == STAYS && i != DAXFS_MAIN_BRANCH)
			nodes[i].fate = LIVE;
	for (i = 0; i < tree->count; i++) {
		fate = STAYS;
		for (at = i; nodes[at].fate == LIVE; at = nodes[at].parent.branch) {
			nodes[at].fate = WALKED;
			parent = &nodes[nodes[at].parent.branch];
			if (parent->fate == NOBODY || !is_parent(parent, &nodes[at]))
				break;
		}
		if (nodes[at].fate == DOOMED || nodes[at].fate == DEAD || nodes[at].fate == WON)
			fate = DOOMED;
		for (at = i; nodes[at].fate == WALKED; at = nodes[at].parent.branch)
			nodes[at].fate = fate;
	}
}

/* What the caller knows the branches to lie on is so, whatever was found in their entries. */
static void hear_known(const struct dxc_branch_rest *rest, struct tree *tree)
{
	struct dxc_owner id, parent;
	struct node *node;
	void *at = NULL;

	while (rest->next_known && rest->next_known(rest->priv, &at, &id, &parent)) {
		if (id.branch >= tree->count || parent.branch >= tree->vol->branch_count)
			continue;
		node = &tree->nodes[id.branch];
		if (node->fate == LIVE && node->generation == id.generation)
			node->parent = parent;
	}
}

static int tree_load(const struct dxc_volume *vol, const struct dxc_branch_rest *rest,
		     struct tree *tree)
{
	struct dxc_branch br;
	struct node *node;
	u32 state, i;
	int err;

	tree->vol = vol;
	tree->count = 0;
	tree->nodes = dxc_alloc(vol->branch_count, sizeof(*tree->nodes));
	if (!tree->nodes)
		return -ENOMEM;
	for (i = 0; i < vol->branch_count; i++) {
		node = &tree->nodes[i];
		state = dxc_state_open(dxc_word_load(vol, BR_AT(vol, i, br_state)),
				       &node->generation);
		if (dxc_state_is_nobodys(state)) {
			node->fate = NOBODY;
		} else if (state == DAXFS_BRANCH_DEAD) {
			node->fate = DEAD;
		} else if (!dxc_branch_read(vol, i, &br, NULL) &&
			   br.state == DAXFS_BRANCH_LIVE) {
			node->fate = LIVE;
			node->generation = br.id.generation;
			node->parent = br.parent;
		} else {
			node->fate = UNKNOWN;
		}
		if (node->fate != NOBODY)
			tree->count = i + 1;
		if (i % PAUSE_EVERY == PAUSE_EVERY - 1)
			dxc_pause();
	}
	hear_known(rest, tree);
	/* Everything would go if main's entry were believed when it says that main is dead. */
	if (tree->nodes[DAXFS_MAIN_BRANCH].fate == LIVE) {
		tree->nodes[DAXFS_MAIN_BRANCH].fate = STAYS;
		doom_descendants(tree);
		return 0;
	}
	err = dxc_branch_read(vol, DAXFS_MAIN_BRANCH, &br, NULL);
	dxc_free(tree->nodes);
	return err ? err : -EUCLEAN;
}

/* ---- commit: joining two logs ---- */

static dxc_off next_at(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return dxc_chunk_offset(vol, chunk) + offsetof(struct daxfs_chunk, ch_next);
}

/* Is it (by number + 1) a chunk of that branch's log? */
static bool is_log_of(const struct dxc_volume *vol, u64 word, struct dxc_owner owner)
{
	struct dxc_chunk_use use;

	return word && word <= dxc_chunk_count(vol) && !dxc_chunk_read(vol, word - 1, &use) &&
	       use.kind == DAXFS_CHUNK_LOG && dxc_owner_is(use.owner, owner);
}

/* Was the segment added to a log when that had so many records, or more? */
static bool is_late(const struct dxc_volume *vol, u64 word, u64 limit)
{
	u64 seq;

	return word <= dxc_chunk_count(vol) && !dxc_segment_prev_seq(vol, word - 1, &seq) &&
	       seq >= limit;
}

/*
 * The word, of the chain that starts with the chunk word, that is 0 and ends
 * it, or names head, or what a writer that had lost its lease has added to the records up to
 * number limit. -EUCLEAN when the chain cannot be. Who wants to kill the
 * task has to wait: without the end it is not known what has happened yet.
 */
static int find_end(const struct dxc_volume *vol, u64 word, struct dxc_owner owner, u64 head,
		    u64 limit, dxc_off *end)
{
	u64 steps = 0, stride = 1, mark = 0;

	/* A chain that somebody goes on changing is followed no longer than one can be. */
	while (steps < dxc_chunk_count(vol) && is_log_of(vol, word, owner) && word != mark) {
		/* A loop has a chunk that is seen again before twice as many are passed. */
		if (++steps == stride) {
			mark = word;
			stride *= 2;
		}
		if (steps % PAUSE_EVERY == 0)
			dxc_pause();
		*end = next_at(vol, word - 1);
		word = dxc_head_link(dxc_link_open(dxc_word_load(vol, *end)));
		if (!word || word == head || is_late(vol, word, limit))
			return 0;
	}
	return -EUCLEAN;
}

/*
 * Can the branch's log become the end of another, from number *base on? What is no log makes
 * that unreadable as well.
 */
static int check_head(const struct dxc_volume *vol, const struct dxc_branch *br, u64 *base)
{
	struct dxc_log log;
	int err;

	if (br->head && !is_log_of(vol, br->head, br->id))
		return -EUCLEAN;
	err = dxc_log_open(vol, br->head, br->first_seq, &log);
	if (!err)
		*base = log.base_seq;
	return err;
}

/* Lets the log of up, whose br_head is first, go on with that of down, unless it does already. */
static int join(const struct dxc_volume *vol, struct dxc_owner up, u64 first,
		const struct dxc_branch *down, dxc_chunk tail)
{
	dxc_off end = BR_AT(vol, up.branch, br_head);
	u64 base = DXC_NO_SEQ, was, now;
	int err = -EUCLEAN, wrong;
	u32 tries = 0;

	/* Which chunk it starts with cannot be told. */
	if (down->head == DXC_LINK_UNKNOWN)
		return -EUCLEAN;
	if (!down->head || first == down->head)
		return 0;
	wrong = check_head(vol, down, &base);
	if (first && is_late(vol, first, base))
		first = 0;
	/* The caller knows the end, or it is found. */
	if (first && tail != DXC_NO_CHUNK)
		err = find_end(vol, tail + 1ull, up, down->head, base, &end);
	if (first && err)
		err = find_end(vol, first, up, down->head, base, &end);
	if (first && err)
		return err;
	now = dxc_link_open(dxc_word_load(vol, end));
	/* Whoever takes the lease counts the turn up, which changes nothing of what was decided. */
	do {
		was = now;
		if (first && dxc_head_link(was) == down->head)
			return 0;
		if (wrong)
			return wrong;
		/* The logs are joined before a chunk changes hands or a branch dies. */
		if (dxc_publish_link(vol, end, was, dxc_head_next(was, down->head)))
			return 0;
		now = dxc_link_open(dxc_word_load(vol, end));
	} while (dxc_head_link(now) == dxc_head_link(was) && ++tries < JOIN_TRIES);
	return -ESTALE;
}

/* Whose entry it is, and which chunk its log starts with, as br_head has it. */
static noinline_for_stack int find_log(const struct dxc_volume *vol, u32 index,
				       struct dxc_owner *id, u64 *head)
{
	struct dxc_branch br;
	int err = dxc_branch_read(vol, index, &br, NULL);

	if (err)
		return err;
	*id = br.id;
	*head = br.head;
	return 0;
}

/*
 * Joins the logs of parent and its winner, if it has one. On error the commit
 * is undone: nothing of it has happened yet but the word that is cleared.
 */
static int join_winner(struct tree *tree, u32 parent, dxc_chunk tail)
{
	const struct dxc_volume *vol = tree->vol;
	u64 word = dxc_word_load(vol, BR_AT(vol, parent, br_winner));
	struct dxc_owner id, up;
	struct dxc_branch down;
	struct node *won;
	u64 first;
	int err;

	/* Who won cannot be told, and the logs may be joined. */
	if (!dxc_winner_open(word, &id))
		return -EUCLEAN;
	if (!id.generation)
		return 0;
	won = id.branch < vol->branch_count ? &tree->nodes[id.branch] : NULL;
	/* It may have been joined before it was damaged. */
	if (won && won->fate == UNKNOWN &&
	    (won->generation == id.generation || !won->generation))
		return -EUCLEAN;
	tree->nodes[parent].winner = word;
	/* No child of parent's: what was to be done is done, or the word is a lie. */
	if (!won || won->fate != STAYS || id.branch == DAXFS_MAIN_BRANCH ||
	    won->generation != id.generation ||
	    !dxc_owner_is(won->parent, node_id(tree, parent)))
		return 0;
	err = find_log(vol, parent, &up, &first);
	if (!err)
		err = dxc_branch_read(vol, id.branch, &down, NULL);
	if (!err)
		err = join(vol, up, first, &down, tail);
	if (err)
		return err;
	won->fate = WON;
	tree->nodes[parent].has_won = true;
	return 0;
}

/* One of its children won: the others go. */
static void doom_siblings(struct tree *tree)
{
	struct node *node;
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < tree->count; i++) {
		node = &tree->nodes[i];
		if (node->fate == STAYS && tree->nodes[node->parent.branch].has_won &&
		    is_parent(&tree->nodes[node->parent.branch], node))
			node->fate = DOOMED;
	}
	doom_descendants(tree);
}

/* ---- what follows: chunks, entries ---- */

static const struct dxc_chunk_list *known(const struct dxc_branch_rest *rest,
					  struct dxc_owner id)
{
	return rest->known ? rest->known(rest->priv, id) : NULL;
}

static bool is_going(const struct node *node)
{
	return node->fate == DOOMED || node->fate == DEAD || node->fate == WON;
}

/*
 * Is it nobody's any more? A branch may have been made since the tree was loaded, by who took
 * the lock over; it lives before it has chunks.
 */
static bool is_orphan(const struct tree *tree, struct dxc_owner owner)
{
	const struct node *node = &tree->nodes[owner.branch];

	return node->fate != UNKNOWN &&
	       (node->fate != STAYS || node->generation != owner.generation) &&
	       (node->generation == owner.generation || !dxc_is_live(tree->vol, owner));
}

static bool is_owned(const struct dxc_volume *vol, dxc_chunk chunk, struct dxc_chunk_use *use)
{
	return !dxc_chunk_read(vol, chunk, use) &&
	       (use->kind == DAXFS_CHUNK_LOG || use->kind == DAXFS_CHUNK_DATA);
}

/*
 * Is there a chunk that nobody frees? Whoever writes to a branch may take one
 * after it was discarded elsewhere.
 */
static bool has_orphans(const struct tree *tree)
{
	u32 count = dxc_chunk_count(tree->vol), i;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++) {
		if (i % PAUSE_EVERY == PAUSE_EVERY - 1)
			dxc_pause();
		if (is_owned(tree->vol, i, &use) && is_orphan(tree, use.owner))
			return true;
	}
	return false;
}

/*
 * Passes each chunk of a winner to its parent; once everything that dies is
 * dead, frees (seq) those of the others.
 */
static void search_chunks(const struct tree *tree, u64 seq)
{
	const struct dxc_volume *vol = tree->vol;
	u32 count = dxc_chunk_count(vol), i;
	struct dxc_chunk_use use;
	const struct node *node;

	for (i = 0; i < count; i++) {
		if (i % PAUSE_EVERY == PAUSE_EVERY - 1)
			dxc_pause();
		if (!is_owned(vol, i, &use))
			continue;
		node = &tree->nodes[use.owner.branch];
		if (node->fate == WON && node->generation == use.owner.generation)
			dxc_chunk_pass(vol, i, use.owner, node->parent);
		else if (seq && is_orphan(tree, use.owner))
			dxc_chunk_free(vol, i, use.owner, seq);
	}
}

/*
 * Chunks of winners, or (seq) of all others that go. search: even if all of
 * those are known there may be more.
 */
static void settle_chunks(const struct tree *tree, const struct dxc_branch_rest *rest,
			  u64 seq, bool search)
{
	const struct dxc_chunk_list *list;
	struct dxc_owner id;
	u32 i, n;

	for (i = DAXFS_MAIN_BRANCH + 1; i < tree->count; i++) {
		if (!is_going(&tree->nodes[i]) || (tree->nodes[i].fate == WON) == !!seq)
			continue;
		id = node_id(tree, i);
		list = known(rest, id);
		if (!list)
			search = true;
		for (n = 0; list && n < list->count; n++) {
			/* -ESTALE: done before, by somebody who then was gone. */
			if (seq)
				dxc_chunk_free(tree->vol, list->chunks[n], id, seq);
			else
				dxc_chunk_pass(tree->vol, list->chunks[n], id,
					       tree->nodes[i].parent);
		}
	}
	if (search)
		search_chunks(tree, seq);
}

/* Whoever took the lock over may have done it, and given the entry to another branch. */
static void store_states(struct tree *tree, enum fate fate, u32 from, u32 to)
{
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < tree->count; i++) {
		if (tree->nodes[i].fate != fate)
			continue;
		dxc_entry_change(tree->vol, node_id(tree, i), from, to);
		/* Stores of a hostile kernel kept it LIVE: its chunks are not freed. */
		if (dxc_is_live(tree->vol, node_id(tree, i)))
			tree->nodes[i].fate = UNKNOWN;
	}
	dxc_fence(tree->vol);
}

/*
 * Does what follows from the fates of the tree, step by step. After any of them
 * the fates that are found are the same, but for what is done already.
 */
static void carry_out(struct tree *tree, struct dxc_branch_rest *rest, bool search)
{
	const struct dxc_volume *vol = tree->vol;
	bool wins = false, goes = false;
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < tree->count; i++) {
		wins |= tree->nodes[i].fate == WON;
		goes |= is_going(&tree->nodes[i]);
		rest->discarded += tree->nodes[i].fate == DOOMED || tree->nodes[i].fate == DEAD;
	}
	/* Each chunk is the parent's before the winner's entry says that it is done with. */
	if (wins)
		settle_chunks(tree, rest, 0, false);
	if (goes || search) {
		/* Siblings are dead before the winner is, whose life says that they go. */
		store_states(tree, DOOMED, DAXFS_BRANCH_LIVE, DAXFS_BRANCH_DEAD);
		store_states(tree, WON, DAXFS_BRANCH_LIVE, DAXFS_BRANCH_DEAD);
		/*
		 * Who sees the sequence that freed chunks carry sees that all of
		 * these are dead, so a mount that has seen it reads them no longer.
		 */
		rest->seq = dxc_commit_seq_advance(vol);
		settle_chunks(tree, rest, rest->seq, search);
		/* A branch that is dead is found as long as it has chunks. */
		store_states(tree, DOOMED, DAXFS_BRANCH_DEAD, DAXFS_BRANCH_FREE);
		store_states(tree, DEAD, DAXFS_BRANCH_DEAD, DAXFS_BRANCH_FREE);
		store_states(tree, WON, DAXFS_BRANCH_DEAD, DAXFS_BRANCH_FREE);
	}
	for (i = 0; i < tree->count; i++)
		if (tree->nodes[i].winner)
			dxc_word_change(vol, BR_AT(vol, i, br_winner), tree->nodes[i].winner,
					dxc_number_word(dxc_commit_seq(vol)));
	/* The commit is over before the next one of the same parent. */
	dxc_fence(vol);
}

static void rest_start(const struct dxc_volume *vol, struct dxc_branch_rest *rest)
{
	rest->seq = dxc_commit_seq(vol);
	rest->discarded = 0;
	rest->unfinished.generation = 0;
}

/* -EUCLEAN: the caller knows that it does not lie on parent; -EBUSY: that it has children. */
static int ask_known(const struct dxc_branch_rest *rest, struct dxc_owner child,
		     struct dxc_owner parent)
{
	struct dxc_owner id, below;
	void *at = NULL;

	while (rest && rest->next_known && rest->next_known(rest->priv, &at, &id, &below)) {
		if (dxc_owner_is(id, child) && !dxc_owner_is(below, parent))
			return -EUCLEAN;
		if (dxc_owner_is(below, child))
			return -EBUSY;
	}
	return 0;
}

static noinline_for_stack int check_lives(const struct dxc_volume *vol, struct dxc_owner id)
{
	struct dxc_branch br;

	return dxc_branch_get(vol, id, &br);
}

/* Just before the store that decides. */
static bool has_lock(const struct dxc_volume *vol, const struct dxc_branch_rest *rest)
{
	return !rest || !rest->lock || dxc_lock_is_held(vol, rest->lock);
}

static bool has_lease(const struct dxc_volume *vol, const struct dxc_branch_rest *rest,
		      struct dxc_owner id)
{
	return !rest->lease || dxc_lease_is_held(vol, id, rest->lease);
}

int dxc_branch_commit(const struct dxc_volume *vol, struct dxc_owner child,
		      const struct dxc_branch_rest *rest)
{
	struct dxc_branch br;
	dxc_off winner_at;
	u64 base, none;
	int err;

	err = dxc_branch_get(vol, child, &br);
	if (err)
		return err;
	if (child.branch == DAXFS_MAIN_BRANCH)
		return -EPERM;
	err = ask_known(rest, child, br.parent);
	if (err)
		return err;
	winner_at = BR_AT(vol, br.parent.branch, br_winner);
	none = dxc_word_get(vol, winner_at);
	if (dxc_winner_is_set(none) || dxc_branch_is_frozen(vol, child))
		return -EBUSY;
	err = check_lives(vol, br.parent);
	if (!err)
		err = check_head(vol, &br, &base);
	if (err)
		return err;
	/* Whatever the child's log says is there before it is the parent's. */
	dxc_fence(vol);
	/* All that this relies on was read while we had the lock; whoever takes it changes the word. */
	if (!has_lock(vol, rest))
		return -EAGAIN;
	if (!dxc_word_change(vol, winner_at, none, dxc_branch_word(child)))
		return has_lock(vol, rest) ? -EBUSY : -EAGAIN;
	dxc_fence(vol);	/* decided before anything that follows from it */
	return 0;
}

int dxc_branch_finish(const struct dxc_volume *vol, struct dxc_owner parent,
		      struct dxc_branch_rest *rest)
{
	struct tree tree;
	int err;

	rest_start(vol, rest);
	if (!dxc_is_live(vol, parent))
		return -ESTALE;
	if (!dxc_winner_is_set(dxc_word_get(vol, BR_AT(vol, parent.branch, br_winner))))
		return 0;
	err = tree_load(vol, rest, &tree);
	if (err)
		return err;
	if (tree.nodes[parent.branch].fate == STAYS) {
		err = join_winner(&tree, parent.branch, rest->tail);
		doom_siblings(&tree);
		carry_out(&tree, rest, false);
	} else {
		err = -ESTALE;
	}
	dxc_free(tree.nodes);
	return err;
}

/* Is a commit to parent, which may be one of id, under way? One whose winner is bad never ends. */
static bool is_committing(const struct dxc_volume *vol, struct dxc_owner parent,
			  struct dxc_owner id)
{
	u64 word = dxc_word_load(vol, BR_AT(vol, parent.branch, br_winner));
	struct dxc_owner winner;
	struct dxc_branch br;

	if (!dxc_winner_open(word, &winner))
		return true;
	return winner.generation && (dxc_owner_is(winner, id) ||
			dxc_branch_read(vol, winner.branch, &br, NULL) != -EUCLEAN);
}

int dxc_branch_abort(const struct dxc_volume *vol, struct dxc_owner id,
		     struct dxc_branch_rest *rest)
{
	struct dxc_branch br;
	struct node *node;
	struct tree tree;
	u64 word;
	int err;

	rest_start(vol, rest);
	if (!dxc_is_live(vol, id))
		return -ESTALE;
	word = dxc_word_get(vol, BR_AT(vol, id.branch, br_state));
	err = dxc_branch_read(vol, id.branch, &br, NULL);
	if (err)
		return err == -ENOENT ? -ESTALE : err;
	if (id.branch == DAXFS_MAIN_BRANCH)
		return -EPERM;
	err = tree_load(vol, rest, &tree);
	if (err)
		return err;
	node = &tree.nodes[id.branch];
	if ((node->fate != STAYS && node->fate != DOOMED) ||
	    node->generation != id.generation || !dxc_is_live(vol, node->parent))
		err = -ESTALE;
	/* It may be the winner, and partly the parent's. */
	else if (is_committing(vol, node->parent, id))
		err = -EBUSY;
	if (err) {
		dxc_free(tree.nodes);
		return err;
	}
	/* Whoever takes the lock, or the branch's lease, changes the word. */
	if (!has_lock(vol, rest) || !has_lease(vol, rest, id) ||
	    !dxc_entry_change_from(vol, id, word, DAXFS_BRANCH_LIVE, DAXFS_BRANCH_DEAD)) {
		dxc_free(tree.nodes);
		return -EAGAIN;
	}
	/* The decision, before anything that follows from it. */
	dxc_fence(vol);
	node->fate = DEAD;
	doom_descendants(&tree);
	carry_out(&tree, rest, false);
	dxc_free(tree.nodes);
	return 0;
}

void dxc_branch_fence(const struct dxc_volume *vol)
{
	u64 none = dxc_number_word(dxc_commit_seq_advance(vol)), word, generation;
	struct dxc_owner id;
	dxc_off at;
	u32 i;

	for (i = 0; i < vol->branch_count; i++) {
		if (i % PAUSE_EVERY == PAUSE_EVERY - 1)
			dxc_pause();
		word = dxc_word_load(vol, BR_AT(vol, i, br_state));
		if (dxc_state_open(word, &generation) != DAXFS_BRANCH_LIVE)
			continue;
		id.branch = i;
		id.generation = generation;
		dxc_branch_next_turn(vol, id);
		at = BR_AT(vol, i, br_winner);
		word = dxc_word_get(vol, at);
		/* What was decided before this is found by who recovers, and finished. */
		if (!dxc_winner_is_set(word))
			dxc_word_change(vol, at, word, none);
	}
	dxc_fence(vol);
	dxc_branch_drop_unfinished(vol, true);
}

int dxc_branch_recover(const struct dxc_volume *vol, struct dxc_branch_rest *rest)
{
	/* Who had the lock when he began to make them has it no more: see dxc_branch_fence(). */
	bool found = dxc_branch_drop_unfinished(vol, false);
	struct tree tree;
	u32 i;
	int err;

	rest_start(vol, rest);
	err = tree_load(vol, rest, &tree);
	if (err)
		return err;
	for (i = 0; i < tree.count; i++) {
		if (tree.nodes[i].fate != STAYS)
			continue;
		if (!join_winner(&tree, i, DXC_NO_CHUNK) || rest->unfinished.generation)
			continue;
		rest->unfinished = node_id(&tree, i);
		if (!dxc_winner_open(dxc_word_load(vol, BR_AT(vol, i, br_winner)),
				     &rest->damaged))
			memset(&rest->damaged, 0, sizeof(rest->damaged));
	}
	doom_siblings(&tree);
	for (i = 0; i < tree.count; i++)
		found |= is_going(&tree.nodes[i]) || tree.nodes[i].winner;
	if (found || has_orphans(&tree))
		carry_out(&tree, rest, true);
	dxc_free(tree.nodes);
	return 0;
}
