#include "ipc/msg_history.h"

static void
notes_fields(struct codec *c, struct history_notes *v)
{
	uint32_t i;

	codec_u32(c, &v->lost);
	codec_list(c, (void **)&v->count, &v->ncount, sizeof *v->count,
	    HISTORY_COUNTS);
	for (i = 0; i < v->ncount; i++)
		codec_u32(c, &v->count[i]);
	codec_list_end(c, (void **)&v->count, &v->ncount);
	codec_u32(c, &v->n);
	codec_sv(c, &v->steps);
}

CODEC(history_notes, notes_fields)

static void
find_fields(struct codec *c, struct trace_find *v)
{
	uint32_t i;

	codec_i64(c, &v->since);
	codec_u64(c, &v->before);
	codec_u32(c, &v->most);
	codec_list(c, (void **)&v->term, &v->nterm, sizeof *v->term,
	    HISTORY_TERMS_MAX);
	for (i = 0; i < v->nterm; i++) {
		codec_below(c, &v->term[i].kind, HISTORY_TERM_KINDS);
		codec_u64(c, &v->term[i].number);
		codec_bytes(c, v->term[i].id, sizeof v->term[i].id);
		codec_text(c, &v->term[i].text, HISTORY_TEXT_MAX);
	}
	codec_list_end(c, (void **)&v->term, &v->nterm);
}

CODEC(trace_find, find_fields)

static void
found_fields(struct codec *c, struct trace_found *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_bool(c, &v->more);
	codec_u64(c, &v->before);
	codec_list(c, (void **)&v->story, &v->nstory, sizeof *v->story,
	    HISTORY_FOUND_MAX);
	for (i = 0; i < v->nstory; i++)
		codec_u64(c, &v->story[i]);
	codec_list_end(c, (void **)&v->story, &v->nstory);
}

CODEC(trace_found, found_fields)

static void
read_fields(struct codec *c, struct trace_read *v)
{
	codec_u64(c, &v->story);
	codec_u32(c, &v->from);
}

CODEC(trace_read, read_fields)

static void
steps_fields(struct codec *c, struct trace_steps *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_bool(c, &v->more);
	codec_u32(c, &v->next);
	codec_bytes(c, v->id, sizeof v->id);
	codec_sv(c, &v->steps);
}

CODEC(trace_steps, steps_fields)

static void
mine_fields(struct codec *c, struct trace_mine *v)
{
	codec_text(c, &v->text, HISTORY_TEXT_MAX);
	codec_u64(c, &v->before);
	codec_u32(c, &v->most);
}

CODEC(trace_mine, mine_fields)

static void
stories_fields(struct codec *c, struct trace_stories *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_bool(c, &v->more);
	codec_u64(c, &v->before);
	codec_list(c, (void **)&v->story, &v->nstory, sizeof *v->story,
	    HISTORY_MINE_MAX);
	for (i = 0; i < v->nstory; i++) {
		codec_bytes(c, v->story[i].id, sizeof v->story[i].id);
		codec_sv(c, &v->story[i].steps);
	}
	codec_list_end(c, (void **)&v->story, &v->nstory);
}

CODEC(trace_stories, stories_fields)

static void
sample_fields(struct codec *c, struct history_sample *v)
{
	codec_u64(c, &v->waiting);
	codec_u64(c, &v->disk_free);
}

CODEC(history_sample, sample_fields)

static void
days_fields(struct codec *c, struct history_days *v)
{
	uint32_t i;

	codec_i64(c, &v->today);
	codec_u32(c, &v->hour);
	codec_list(
	    c, (void **)&v->row, &v->n, sizeof *v->row, HISTORY_DAY_ROWS);
	for (i = 0; i < v->n; i++) {
		codec_i64(c, &v->row[i].day);
		codec_u32(c, &v->row[i].what);
		codec_u64(c, &v->row[i].n);
	}
	codec_list_end(c, (void **)&v->row, &v->n);
}

CODEC(history_days, days_fields)
