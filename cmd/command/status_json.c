/* The status for programs. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/command/json.h"
#include "cmd/command/status.h"
#include "history/service.h"

/* null: none is configured. */
static json_t *
json_backup(const struct conf *conf, const struct status_backups *b)
{
	if (conf->backup.folder == NULL)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:s}", "folder", conf->backup.folder,
	    "last_good", (json_int_t)b->good, "failed", (json_int_t)b->failed,
	    "reason", b->failed != 0 ? b->reason : "");
}

static json_t *
json_lines(struct sv text)
{
	json_t *all = json_array();

	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');

		if (line.n > 0)
			json_array_append_new(
			    all, json_stringn(line.p, line.n));
	}
	return all;
}

/* The reasons in parentheses, too. */
static void
add_period(json_t *all, struct sv line)
{
	struct sv name = sv_split(&line, ':');
	json_t *counts = json_object();

	while (line.n > 0) {
		struct sv part = sv_split(&line, ',');

		while (part.n > 0) {
			struct sv one = sv_trim(sv_split(&part, '('));
			size_t at = sv_rchr(one, ' ');
			struct sv number = sv_skip(one, at + 1);
			uint64_t n;

			if (sv_ends(number, SV(")")))
				number = sv_first(number, number.n - 1);
			if (sv_to_u64(number, INT64_MAX, &n) == RC_OK)
				(void)json_object_setn_new(counts, one.p, at,
				    json_integer((json_int_t)n));
		}
	}
	(void)json_object_setn_new(all, name.p, name.n, counts);
}

/* "today: received 12, junk 1" becomes {"today": {"received": 12, ...}}. */
static json_t *
json_history(const struct status_picture *p)
{
	json_t *all = json_object();
	size_t i;

	for (i = 0; i < p->nproc; i++) {
		struct sv rest = sv_str(p->proc[i].text);

		if (strcmp(p->proc[i].role, "history") != 0)
			continue;
		while (rest.n > 0) {
			struct sv line = sv_split(&rest, '\n');

			if (!sv_starts(line, SV(HISTORY_STATUS_DOWN)))
				add_period(all, line);
		}
	}
	return all;
}

static json_t *
json_screen(const struct status_lines *l, bool *well)
{
	static const char *const kinds[] = {"title", "row", "item", "event"};
	json_t *all = json_array();
	size_t i;

	*well = true;
	for (i = 0; i < l->n; i++) {
		const struct status_line *s = &l->l[i];

		*well = *well && !s->wrong;
		json_array_append_new(all,
		    json_pack("{s:s, s:s, s:o, s:b}", "kind", kinds[s->kind],
			"heading", s->heading, "text",
			command_json_text(sv_str(s->text)), "wrong", s->wrong));
	}
	return all;
}

void
status_print_json(const struct conf *conf, const struct status_picture *p,
    const struct status_lines *lines)
{
	json_t *procs = json_array(), *events = json_array();
	json_t *mail = json_object(), *all, *screen;
	size_t i;
	bool well;
	int t;

	screen = json_screen(lines, &well);
	for (i = 0; i < p->nproc; i++) {
		const struct status_process *o = &p->proc[i];

		json_array_append_new(procs,
		    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s, s:I}",
			"role", o->role, "account", o->account, "pid",
			(json_int_t)o->pid, "seconds",
			(json_int_t)(o->ms / 1000), "restarts",
			(json_int_t)o->restarts, "connections",
			(json_int_t)o->connections, "answers", o->answered,
			"text", o->text != NULL ? o->text : "", "memory",
			(json_int_t)o->memory));
	}
	for (i = 0; i < p->nevent; i++)
		json_array_append_new(events,
		    json_pack("{s:I, s:s, s:s, s:s}", "time_ms",
			(json_int_t)p->event[i].when, "level",
			p->event[i].level == LOG_ERROR ? "error" : "warn",
			"process", p->event[i].process, "text",
			p->event[i].text));
	for (t = 0; t < TALLIES; t++)
		json_object_set_new(mail, tally_name((enum tally)t),
		    json_integer((json_int_t)p->tally[t]));
	all = json_pack("{s:s, s:I, s:b, s:o, s:o, s:o, s:I, s:I, s:I}",
	    "hostname", conf->hostname, "seconds", (json_int_t)(p->ms / 1000),
	    "well", well, "processes", procs, "mail", mail, "events", events,
	    "disk_free", (json_int_t)p->disk_free, "disk_size",
	    (json_int_t)p->disk_size, "certificate_until",
	    (json_int_t)(p->has_cert ? p->cert.not_after : 0));
	must(all != NULL);
	json_object_set_new(all, "backup", json_backup(conf, &p->backup));
	json_object_set(all, "lost", p->lost);
	json_object_set_new(all, "history", json_history(p));
	json_object_set_new(
	    all, "certificate_trouble", json_string(p->cert_trouble));
	json_object_set_new(all, "published_checked",
	    json_integer((json_int_t)p->published_when));
	json_object_set_new(
	    all, "certificates", json_lines(sv_str(p->certificates)));
	(void)json_object_set_new(all, "certificates_trouble",
	    json_lines(sv_str(p->certificates_trouble)));
	(void)json_object_set_new(
	    all, "published_trouble", json_lines(sv_str(p->published_trouble)));
	(void)json_object_set_new(all, "lines", screen);
	(void)json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	puts("");
	json_decref(all);
}
