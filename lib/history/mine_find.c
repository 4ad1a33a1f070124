/* Finding what history/mine.h lets an account see. */
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "history/mine.h"
#include "history/record.h"
#include "history/words.h"
#include "ipc/line.h"

#define LOOK_MS	    100 /* all in all: whoever has an account may ask */
#define STEP_MS	    50
#define EACH_LOOK   64
#define STORY_BYTES 60000
#define ANSWER_MAX  (MSG_MAX - 4096)

struct find {
	struct history_db *db;
	const struct history_owner *o;
	struct trace_mine asked;
	struct history_term term[HISTORY_TERMS_MAX];
	struct buf bytes, room; /* of the story at hand */
	struct buf out;		/* all records of the answer */
	size_t begin[HISTORY_MINE_MAX + 1];
	struct trace_story story[HISTORY_MINE_MAX];
	struct trace_stories answer;
};

static uint32_t
add_terms(struct find *f)
{
	uint32_t n = 0;
	size_t i;

	f->term[n].kind = HISTORY_BY_ACCOUNT;
	f->term[n++].text = f->o->account;
	for (i = 0; i < f->o->naddress; i++) {
		f->term[n].kind = HISTORY_BY_ADDRESS;
		f->term[n++].text = f->o->address[i];
	}
	return n;
}

static size_t
decode(struct sv bytes, const uint8_t id[16],
    struct history_step s[HISTORY_STORY_MAX])
{
	size_t n = 0;

	while (n < HISTORY_STORY_MAX && history_record_get(&bytes, &s[n]))
		memcpy(s[n++].id, id, 16);
	return history_arrange(s, n);
}

/* RC_TOOBIG: it does not fit into this answer. */
static int
add_story(struct find *f, const struct history_step *s, size_t n)
{
	struct trace_stories *a = &f->answer;
	size_t i, before = f->out.n;

	for (i = 0; i < n; i++)
		history_record_put(&s[i], &f->out);
	if (!buf_ok(&f->out) || f->out.n + a->nstory * 32 > ANSWER_MAX) {
		f->out.failed = false;
		buf_truncate(&f->out, before);
		/* One that is too long alone is left out. */
		return a->nstory > 0 ? RC_TOOBIG : RC_OK;
	}
	memcpy(f->story[a->nstory].id, s[0].id, 16);
	f->begin[a->nstory++] = before;
	f->begin[a->nstory] = f->out.n;
	return RC_OK;
}

static int
look_at(struct find *f, uint64_t number)
{
	struct history_step s[HISTORY_STORY_MAX];
	struct history_page page = {.out = &f->bytes, .room = STORY_BYTES};
	size_t n;
	int r;

	buf_reset(&f->bytes);
	buf_reset(&f->room);
	r = history_db_read(f->db, number, 0, &page);
	if (r != RC_OK)
		return r == RC_NOTFOUND ? RC_OK : r;
	n = decode(buf_sv(&f->bytes), page.id, s);
	n = history_mine(f->o, s, n, &f->room);
	if (n == 0 || !history_mine_matches(s, n, f->asked.text))
		return RC_OK;
	return add_story(f, s, n);
}

/* Some of the database, downwards.  RC_MORE: there are enough. */
static int
find_some(struct find *f, const struct trace_find *q)
{
	uint64_t story[HISTORY_FOUND_MAX];
	struct history_found found = {.story = story};
	struct trace_stories *a = &f->answer;
	uint32_t i;
	int r = history_db_find(f->db, q, STEP_MS, &found);

	if (r != RC_OK)
		return r;
	for (i = 0; i < found.n; i++) {
		if (a->nstory == f->asked.most ||
		    (r = look_at(f, story[i])) == RC_TOOBIG) {
			a->more = true;
			return RC_MORE;
		}
		if (r != RC_OK)
			return r;
		a->before = story[i];
	}
	a->more = found.more;
	a->before = found.before;
	return RC_OK;
}

static int
find_all(struct find *f)
{
	const int64_t until = clk_mono() + LOOK_MS;
	struct trace_find q = {.before = f->asked.before,
	    .most = EACH_LOOK,
	    .term = f->term,
	    .nterm = add_terms(f)};
	int r;

	f->answer.before = q.before;
	do {
		r = find_some(f, &q);
		q.before = f->answer.before;
	} while (r == RC_OK && f->answer.more && clk_mono() < until);
	return r == RC_MORE ? RC_OK : r;
}

static void
put_answer(struct find *f, struct msg *reply)
{
	struct trace_stories *a = &f->answer;
	uint32_t i;

	for (i = 0; i < a->nstory; i++)
		f->story[i].steps = sv_of(
		    f->out.p + f->begin[i], f->begin[i + 1] - f->begin[i]);
	a->story = f->story;
	msg_init(reply, MSG_REPLY);
	trace_stories_put(reply, a);
}

int
history_mine_find(struct history_db *db, const struct history_owner *o,
    struct msg *m, struct msg *reply)
{
	struct find f = {.db = db, .o = o};
	int r = trace_mine_get(m, &f.asked);

	buf_init(&f.bytes, 2 * STORY_BYTES);
	buf_init(&f.room, HISTORY_STORY_MAX * (HISTORY_WHO_MAX + 2));
	buf_init(&f.out, ANSWER_MAX);
	if (r == RC_OK &&
	    (f.asked.most == 0 || f.asked.most > HISTORY_MINE_MAX))
		f.asked.most = HISTORY_MINE_MAX;
	if (r == RC_OK)
		r = db != NULL ? find_all(&f) : RC_TEMP;
	f.answer.rc = r;
	put_answer(&f, reply);
	buf_fini(&f.out);
	buf_fini(&f.room);
	buf_fini(&f.bytes);
	return r;
}
