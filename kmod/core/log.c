// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs: chains of segments filled with records.
 *
 * A record counts when its checksum and its number are right, so one flush and
 * one fence make it durable, and one torn by a crash was never there. What follows
 * the last record of a segment is zero, but for what such a one left. A segment that
 * a chain goes on from is complete: its ch_next is stored after its last record,
 * and after the first record of the segment it names, so a segment of a chain is
 * never empty. How many records it has is known from ch_prev_seq of the next one.
 *
 * Whoever opens a log adds nothing to the segment that it ends in, but goes on in
 * one of his own: whoever wrote there before may have been taken for dead, and not be. A
 * record that he adds late is behind the recorded end of its segment.
 */
#include "delta.h"

/* Turns of segments begin far from each other: 2^64 divided by the golden ratio, and its highest bits. */
#define TURN_FACTOR	0x9e3779b97f4a7c15ull
#define TURN_SHIFT	44

/* Start of the checksum of every record of a chunk. */
static u32 start_of(u64 salt)
{
	__le64 raw = cpu_to_le64(salt);

	return dxc_crc32c(0, &raw, sizeof(raw));
}

static u32 record_checksum(u32 salted, const void *record, u32 size)
{
	const u32 skip = sizeof(__le32);

	return dxc_crc32c(salted, (const u8 *)record + skip, size - skip);
}

/* All but ch_next, which changes, and what is before ch_first_seq. */
static u32 chunk_checksum(const struct daxfs_chunk *raw)
{
	u32 crc = dxc_crc32c(0, &raw->ch_first_seq, offsetof(struct daxfs_chunk, ch_next) -
			     offsetof(struct daxfs_chunk, ch_first_seq));

	return dxc_crc32c(crc, &raw->ch_prev_seq, sizeof(*raw) -
			  offsetof(struct daxfs_chunk, ch_prev_seq));
}

/* A copy of the head of the segment that starts with a chunk. */
static int read_head(const struct dxc_volume *vol, u64 chunk, struct daxfs_chunk *raw)
{
	u32 count;
	int err;

	if (chunk >= dxc_chunk_count(vol))
		return -EUCLEAN;
	err = dxc_region_read(&vol->region, dxc_chunk_offset(vol, chunk), raw, sizeof(*raw));
	if (err)
		return err;
	count = le32_to_cpu(raw->ch_count);
	return le32_to_cpu(raw->ch_magic) == DAXFS_CHUNK_MAGIC &&
	       le32_to_cpu(raw->ch_checksum) == chunk_checksum(raw) &&
	       le64_to_cpu(raw->ch_index) == chunk &&
	       count && count <= dxc_segment_chunks(vol, DAXFS_RECORD_MAX) &&
	       count <= dxc_chunk_count(vol) - chunk &&
	       le64_to_cpu(raw->ch_first_seq) >= le64_to_cpu(raw->ch_prev_seq) ? 0 : -EUCLEAN;
}

int dxc_segment_read(const struct dxc_volume *vol, dxc_chunk chunk, u32 *count)
{
	struct daxfs_chunk raw;
	int err = read_head(vol, chunk, &raw);

	if (err)
		return err;
	*count = le32_to_cpu(raw.ch_count);
	return 0;
}

int dxc_segment_prev_seq(const struct dxc_volume *vol, dxc_chunk chunk, u64 *seq)
{
	struct daxfs_chunk raw;
	int err = read_head(vol, chunk, &raw);

	if (err)
		return err;
	*seq = le64_to_cpu(raw.ch_prev_seq);
	return 0;
}

static dxc_off next_at(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return dxc_chunk_offset(vol, chunk) + offsetof(struct daxfs_chunk, ch_next);
}

/* ch_next of a segment: see dxc_head_link(). */
static u64 next_word(const struct dxc_volume *vol, dxc_chunk chunk)
{
	__le64 *next = (__le64 *)(vol->region.base + next_at(vol, chunk));

	/* Pairs with the release in dxc_publish(): what it names is complete. */
	return dxc_link_open(le64_to_cpu(dxc_load_acquire(next)));
}

u64 dxc_log_next(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return dxc_head_link(next_word(vol, chunk));
}

/*
 * How many records the segment that log has entered holds, as the next one
 * says. A next one that cannot be is found when its turn comes, after the
 * records before it.
 */
static int look_ahead(const struct dxc_volume *vol, struct dxc_log *log)
{
	u64 word = next_word(vol, log->chunk), link = dxc_head_link(word);
	struct daxfs_chunk raw;
	int err = -EUCLEAN;

	log->end_seq = DXC_NO_SEQ;
	log->next_link = word;
	if (link)
		err = read_head(vol, link - 1, &raw);
	if (!err)
		log->end_seq = le64_to_cpu(raw.ch_prev_seq);
	return err == -EUCLEAN ? 0 : err;
}

/* Moves log to the start of a segment, which holds the records that come next. */
static int enter_segment(const struct dxc_volume *vol, struct dxc_log *log, u64 chunk)
{
	struct daxfs_chunk raw;
	int err;

	err = log->left ? read_head(vol, chunk, &raw) : -EUCLEAN;
	if (err)
		return err;
	/* What is before it should have had more records, or fewer. */
	if (log->chunk != DXC_NO_CHUNK && le64_to_cpu(raw.ch_prev_seq) != log->seq)
		return -EUCLEAN;
	if (log->chunk == DXC_NO_CHUNK) {
		log->head_salt = le64_to_cpu(raw.ch_salt);
		log->base_seq = le64_to_cpu(raw.ch_prev_seq);
	}
	/* A log that was rewritten goes on with a later number than it had. */
	log->seq = le64_to_cpu(raw.ch_first_seq);
	log->left--;
	log->chunk = chunk;
	log->count = le32_to_cpu(raw.ch_count);
	log->used = sizeof(raw);
	log->ours = false;
	log->salt = le64_to_cpu(raw.ch_salt);
	log->salted = start_of(log->salt);
	return look_ahead(vol, log);
}

int dxc_log_open(const struct dxc_volume *vol, u64 head, u64 first_seq,
		 struct dxc_log *log)
{
	memset(log, 0, sizeof(*log));
	log->head = DXC_NO_CHUNK;
	log->chunk = DXC_NO_CHUNK;
	log->base_seq = first_seq;
	log->seq = first_seq;
	log->end_seq = DXC_NO_SEQ;
	log->limit_seq = DXC_NO_SEQ;
	log->left = dxc_chunk_count(vol);
	log->head_link = head;
	head = dxc_head_link(head);
	if (!head)
		return 0;
	if (head > dxc_chunk_count(vol))
		return -EUCLEAN;
	log->head = head - 1;
	return enter_segment(vol, log, log->head);
}

void dxc_log_limit(struct dxc_log *log, u64 seq)
{
	/* It had none: whatever it starts with came later. */
	if (log->base_seq == seq) {
		log->head = DXC_NO_CHUNK;
		log->chunk = DXC_NO_CHUNK;
		log->ours = false;
		log->seq = seq;
	}
	if (log->seq <= seq)
		log->limit_seq = seq;
}

/* A whole record at log->used, copied and checked; -ENODATA when there is none. */
static int read_here(const struct dxc_volume *vol, const struct dxc_log *log, void *buf,
		     u32 *size)
{
	dxc_off at = dxc_chunk_offset(vol, log->chunk) + log->used;
	u32 room = dxc_log_size(vol, log) - log->used;
	struct daxfs_record *head = buf;
	int err;

	if (room < sizeof(*head))
		return -ENODATA;
	err = dxc_region_read(&vol->region, at, head, sizeof(*head));
	if (err)
		return err;
	*size = le32_to_cpu(head->lr_size);
	if (*size <= sizeof(*head) || *size % 8 || *size > min_t(u32, room, DAXFS_RECORD_MAX) ||
	    le64_to_cpu(head->lr_seq) != log->seq)
		return -ENODATA;
	/* The head is fetched again with the rest; the checksum covers this copy. */
	err = dxc_region_read(&vol->region, at, buf, *size);
	if (err)
		return err;
	if (le32_to_cpu(head->lr_size) != *size || le64_to_cpu(head->lr_seq) != log->seq ||
	    le32_to_cpu(head->lr_checksum) != record_checksum(log->salted, buf, *size))
		return -ENODATA;
	return 0;
}

/* The next record, whatever the limit. */
static int read_next(const struct dxc_volume *vol, struct dxc_log *log, void *buf, u32 *size)
{
	struct dxc_log next;
	u64 link = 0;
	int err;

	if (log->chunk == DXC_NO_CHUNK)
		return -ENODATA;
	err = log->seq == log->end_seq ? -ENODATA : read_here(vol, log, buf, size);
	if (err == -ENODATA) {
		/* A segment of a chain is never empty. */
		if (log->used == sizeof(struct daxfs_chunk))
			return -EUCLEAN;
		log->next_link = next_word(vol, log->chunk);
		link = dxc_head_link(log->next_link);
		if (!link)
			return -ENODATA;
		/*
		 * The segment may have been filled and left since it was read: the
		 * link is stored after its last record.
		 */
		if (log->end_seq == DXC_NO_SEQ) {
			err = look_ahead(vol, log);
			if (err)
				return err;
			err = -ENODATA;
			if (log->seq != log->end_seq)
				err = read_here(vol, log, buf, size);
		}
	}
	if (err == -ENODATA) {
		next = *log;
		err = enter_segment(vol, &next, link - 1);
		if (err)
			return err;
		err = read_here(vol, &next, buf, size);
		if (err)
			return err == -ENODATA ? -EUCLEAN : err;
		*log = next;
	}
	if (err)
		return err;
	log->used += *size;
	log->seq++;
	return 0;
}

int dxc_log_read(const struct dxc_volume *vol, struct dxc_log *log, void *buf, u32 *size)
{
	int err;

	if (log->seq == log->limit_seq)
		return -ENODATA;
	err = read_next(vol, log, buf, size);
	return err == -ENODATA && log->limit_seq != DXC_NO_SEQ ? -EUCLEAN : err;
}

bool dxc_log_goes_on(const struct dxc_volume *vol, const struct dxc_log *log, u64 head)
{
	struct daxfs_chunk raw;

	if (log->head == DXC_NO_CHUNK)
		return !dxc_head_link(head);
	return dxc_head_link(head) == log->head + 1ull && !read_head(vol, log->head, &raw) &&
		le64_to_cpu(raw.ch_salt) == log->head_salt;
}

bool dxc_log_is_current(const struct dxc_volume *vol, struct dxc_log *log, u64 head,
			void *buf)
{
	struct dxc_log next = *log;
	u32 size;

	/* Whoever had it since may have been late, too, and have added to what is ours. */
	if (head != log->head_link)
		log->ours = false;
	if (log->head == DXC_NO_CHUNK) {
		if (dxc_head_link(head) && log->seq != log->limit_seq)
			return false;
		log->head_link = head;
		return true;
	}
	if (!dxc_log_goes_on(vol, log, head) || dxc_log_read(vol, &next, buf, &size) != -ENODATA)
		return false;
	log->head_link = head;
	log->next_link = next.next_link;
	return true;
}

int dxc_log_look_behind(const struct dxc_volume *vol, const struct dxc_log *log, void *buf,
			dxc_off *at)
{
	u64 patience = 8ull * dxc_segment_max(vol);
	const struct daxfs_record *head;
	u32 rest, i, size;
	int err;

	*at = 0;
	if (log->chunk == DXC_NO_CHUNK)
		return 0;
	*at = dxc_chunk_offset(vol, log->chunk) + log->used;
	rest = dxc_log_size(vol, log) - log->used;
	err = dxc_region_read(&vol->region, *at, buf, rest);
	if (err)
		return err;
	for (i = 0; rest - i >= sizeof(*head); i += 8) {
		head = (const struct daxfs_record *)((u8 *)buf + i);
		size = le32_to_cpu(head->lr_size);
		/* Records are longer than a byte: so many fit no segment. */
		if (le64_to_cpu(head->lr_seq) - log->seq - 1 >= dxc_segment_max(vol) ||
		    size <= sizeof(*head) || size % 8 || size > rest - i)
			continue;
		/* What only looks like one, long and all over the chunk, is no honest log either. */
		if (size > patience ||
		    le32_to_cpu(head->lr_checksum) == record_checksum(log->salted, head, size))
			break;
		patience -= size;
	}
	*at = rest - i >= sizeof(*head) ? *at + i : 0;
	return 0;
}

/* A number that no chunk had before. */
static int new_salt(const struct dxc_volume *vol, u64 *salt)
{
	return dxc_count_up(vol, vol->area[DAXFS_AREA_SHARED].offset +
			    offsetof(struct daxfs_shared, ss_next_salt),
			    1, DXC_WORD_LIMIT, salt);
}

static void seal(const struct dxc_log *log, struct dxc_record *rec)
{
	struct daxfs_record *head = (struct daxfs_record *)rec->buf;

	head->lr_size = cpu_to_le32(rec->size);
	head->lr_seq = cpu_to_le64(log->seq);
	head->lr_checksum = cpu_to_le32(record_checksum(log->salted, rec->buf, rec->size));
}

bool dxc_log_has_room(const struct dxc_volume *vol, const struct dxc_log *log,
		      const struct dxc_record *rec)
{
	return rec->size <= dxc_log_room(vol, log);
}

static int check_record(const struct dxc_record *rec)
{
	if (rec->full || rec->size > DAXFS_RECORD_MAX)
		return -E2BIG;
	/* An empty record says nothing and could not be told from the end. */
	return rec->size <= sizeof(struct daxfs_record) ? -EINVAL : 0;
}

/*
 * What a segment held before may be what a user wrote to a file, or the value of
 * an xattr in a record that was torn: made to look like the record that comes
 * next it would be taken for one. Durable after the next fence.
 */
static void clear_rest(const struct dxc_volume *vol, dxc_chunk chunk, u32 from, u32 size)
{
	u8 *at = vol->region.base + dxc_chunk_offset(vol, chunk) + from;

	memset(at, 0, size - from);
	if (vol->region.persistent)
		dxc_write_back(at, size - from);
}

int dxc_log_clear_end(const struct dxc_volume *vol, struct dxc_log *log, void *buf)
{
	u32 rest = dxc_log_size(vol, log) - log->used;
	int err;

	err = dxc_region_read(&vol->region, dxc_chunk_offset(vol, log->chunk) + log->used, buf,
			      rest);
	if (err)
		return err;
	/* Nearly always it is: nothing is written for that. */
	if (rest && (*(u8 *)buf || memcmp(buf, (u8 *)buf + 1, rest - 1) != 0)) {
		clear_rest(vol, log->chunk, log->used, dxc_log_size(vol, log));
		dxc_write_fence(vol->region.persistent);
	}
	return 0;
}

/* Is the chunk that log ends in a segment of it still? */
static bool is_there(const struct dxc_volume *vol, const struct dxc_log *log)
{
	struct daxfs_chunk raw;

	return !read_head(vol, log->chunk, &raw) && le64_to_cpu(raw.ch_salt) == log->salt;
}

/* log: the word is ch_next of the segment that it ends in; NULL: it is br_head. */
static bool publish(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new,
		    const struct dxc_log *log)
{
	__le64 *word = (__le64 *)(vol->region.base + at), is = cpu_to_le64(dxc_link_seal(old));
	__le64 seen;
	u64 now;

	/* Pairs with the acquire of whoever follows the word. */
	dxc_write_fence(vol->region.persistent);
	for (;;) {
		seen = dxc_cmpxchg(word, is, cpu_to_le64(dxc_link_seal(new)));
		if (seen == is)
			break;
		now = dxc_link_open(le64_to_cpu(seen));
		/*
		 * It may be that word with a flipped bit, or with so many that it says nothing. Or
		 * it is of a file that has the chunk by now.
		 */
		if (now != old && (now != DXC_LINK_UNKNOWN || (log && !is_there(vol, log))))
			return false;
		is = seen;
	}
	if (vol->region.persistent)
		dxc_write_back(word, sizeof(*word));
	dxc_write_fence(vol->region.persistent);
	return true;
}

bool dxc_publish_link(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new)
{
	return publish(vol, at, old, new, NULL);
}

static int publish_head(const struct dxc_volume *vol, struct dxc_log *log, dxc_off at, u64 link)
{
	u64 head = dxc_head_next(log->head_link, link);

	if (!dxc_publish_link(vol, at, log->head_link, head))
		return -ESTALE;
	log->head_link = head;
	return 0;
}

/* The segment that log is in goes on with the one that link names. */
static int publish_next(const struct dxc_volume *vol, struct dxc_log *log, u64 link)
{
	u64 next = dxc_head_next(log->next_link, link);

	if (!publish(vol, next_at(vol, log->chunk), log->next_link, next, log))
		return -ESTALE;
	log->next_link = next;
	return 0;
}

int dxc_log_claim(const struct dxc_volume *vol, struct dxc_log *log, dxc_off head_at)
{
	int err = publish_head(vol, log, head_at, dxc_head_link(log->head_link));

	if (err || log->chunk == DXC_NO_CHUNK)
		return err;
	return publish_next(vol, log, dxc_head_link(log->next_link));
}

int dxc_log_extend(const struct dxc_volume *vol, struct dxc_log *log, dxc_off head_at,
		   dxc_chunk chunk, u32 count, struct dxc_record *rec)
{
	struct daxfs_chunk raw = { .ch_magic = cpu_to_le32(DAXFS_CHUNK_MAGIC) };
	u32 salted = log->salted;
	u64 salt, next;
	dxc_off at;
	int err;

	err = check_record(rec);
	if (!err)
		err = new_salt(vol, &salt);
	if (err)
		return err;
	raw.ch_first_seq = cpu_to_le64(log->seq);
	raw.ch_prev_seq = cpu_to_le64(log->chunk == DXC_NO_CHUNK ? log->base_seq : log->seq);
	raw.ch_count = cpu_to_le32(count);
	raw.ch_index = cpu_to_le64(chunk);
	raw.ch_salt = cpu_to_le64(salt);
	/* Far from the turn of an earlier segment here, which others may have counted up. */
	next = dxc_head_of(0, salt * TURN_FACTOR >> TURN_SHIFT);
	raw.ch_next = cpu_to_le64(dxc_link_seal(next));
	raw.ch_checksum = cpu_to_le32(chunk_checksum(&raw));
	at = dxc_chunk_offset(vol, chunk);
	log->salted = start_of(salt);
	seal(log, rec);
	clear_rest(vol, chunk, sizeof(raw) + rec->size, count * vol->chunk_size);
	dxc_region_write(vol, at, &raw, sizeof(raw));
	dxc_region_write(vol, at + sizeof(raw), rec->buf, rec->size);
	if (log->chunk != DXC_NO_CHUNK)
		err = publish_next(vol, log, chunk + 1ull);
	/* Without a word that names it, the log is complete when somebody stores one. */
	else if (head_at)
		err = publish_head(vol, log, head_at, chunk + 1ull);
	if (err) {
		log->salted = salted;
		return err;
	}
	if (log->chunk == DXC_NO_CHUNK) {
		log->head = chunk;
		log->head_salt = salt;
	}
	log->next_link = next;
	log->chunk = chunk;
	log->count = count;
	log->salt = salt;
	log->used = sizeof(raw) + rec->size;
	log->seq++;
	log->end_seq = DXC_NO_SEQ;
	log->ours = true;
	return 0;
}

int dxc_log_add(const struct dxc_volume *vol, struct dxc_log *log, struct dxc_record *rec)
{
	int err = check_record(rec);

	if (err)
		return err;
	seal(log, rec);
	dxc_region_write(vol, dxc_chunk_offset(vol, log->chunk) + log->used, rec->buf, rec->size);
	/* After this the record is there whatever happens to this kernel. */
	dxc_write_fence(vol->region.persistent);
	log->used += rec->size;
	log->seq++;
	return 0;
}

int dxc_log_append(const struct dxc_volume *vol, struct dxc_log *log,
		   struct dxc_owner owner, dxc_off head_at, dxc_chunk *hint,
		   struct dxc_record *rec)
{
	dxc_chunk chunk;
	u32 count;
	int err;

	if (dxc_log_has_room(vol, log, rec))
		return dxc_log_add(vol, log, rec);
	err = check_record(rec);
	count = dxc_segment_chunks(vol, rec->size);
	if (!err)
		err = dxc_chunk_take(vol, hint, DAXFS_CHUNK_LOG, owner, count, &chunk);
	if (err)
		return err;
	err = dxc_log_extend(vol, log, head_at, chunk, count, rec);
	/* Nobody has seen them: anybody may have them at once. */
	while (err && count--)
		dxc_chunk_free(vol, chunk + count, owner, 0);
	return err;
}

int dxc_log_switch(const struct dxc_volume *vol, dxc_off head_at, struct dxc_log *log)
{
	return publish_head(vol, log, head_at, log->head == DXC_NO_CHUNK ? 0 : log->head + 1ull);
}
