/*
 * Inside lib/sieve only: a run, and what all commands do with it (state.c,
 * action.c, exec.c).
 *
 * What is in `scratch` lives until the end of the command or test at hand;
 * what actions point to is in the result's arena.
 */
#ifndef SIEVE_RUN_H
#define SIEVE_RUN_H

#include "mail/field.h"
#include "mime/mime.h"
#include "sieve/regex.h"
#include "sieve/script.h"
#include "sieve/text.h"

/* The message, or the part of it that a loop shows, with what the script has
 * changed so far. */
struct sieve_doc {
	struct sv header; /* all fields, without the empty line */
	struct sv body;	  /* behind the empty line */
	bool has_body;	  /* there is an empty line */
	struct sv gap;	  /* the empty line itself */
	struct sv whole;  /* p == NULL: must be put together */
	bool changed;
	struct mime_msg mime; /* of whole */
	bool parsed;
	/* The fields of the header `fields_of`: fields.c. */
	struct sv fields_of;
	struct mail_field *field;
	size_t nfield;
};

struct sieve_variable {
	struct sv name; /* lower case */
	struct buf value;
};

struct sieve_variables {
	struct sieve_variable *v;
	size_t n, cap;
};

/* A script that runs, or that includes the one that runs. */
struct sieve_scope {
	struct sieve_script *script;
	struct sieve_scope *up;
	uint64_t ext; /* required, and found with ihave */
	struct sieve_variables own;
	struct sv *global; /* names declared so */
	size_t nglobal, global_cap;
	struct buf matched; /* text of the matches */
	struct sieve_span {
		size_t start, end;
	} match[SIEVE_MATCHES_MAX + 1];
	size_t nmatch;
	unsigned depth;
	unsigned loops; /* foreverypart at hand */
	unsigned line;	/* of the command at hand */
};

struct sieve_loop; /* foreverypart, parts.c */

struct sieve_run {
	const struct sieve_message *message;
	const struct sieve_host *host;
	void *arg;
	struct sieve_limits limits;
	int64_t now; /* seconds */
	struct sieve_result *result;
	struct arena scratch;

	struct sieve_scope *scope;
	struct sieve_variables global;
	struct sieve_doc doc;
	size_t versions; /* bytes of changed messages and headers */
	/* The message as it was before it was enclosed in another one, which
	 * redirect sends [RFC 5703 6]; p == NULL: it is not. */
	struct sv unenclosed;
	struct sieve_loop *loop;
	/* The part that an included script has in place of the message; 0: the
	 * message [RFC 6609 3.5]. */
	uint32_t root;
	struct sv breaking; /* the name of the loop to be left; p == NULL: the
			       nearest */

	unsigned steps;
	uint64_t work;
	struct sieve_regex_time regex;
	bool taken;	  /* a branch of the if at hand has been run */
	bool keep;	  /* the implicit keep is in effect */
	struct buf flags; /* the internal variable [RFC 5232 3] */

	struct sieve_action *action;
	size_t naction, action_cap;
	/* Of scripts before the one at hand: so many of them, and records. */
	size_t earlier, earlier_records;
	struct sieve_record *record;
	size_t nrecord, record_cap;
	unsigned redirects, notifies;
	bool vacation_done;   /* by the script at hand */
	bool vacation_before; /* by one before it */
	bool rejected;

	/* Scripts that were included so far [RFC 6609 3.2]. */
	struct sieve_included {
		struct sv name;		     /* "p:" or "g:" in front */
		struct sieve_script *script; /* NULL: there is none */
	} * included;
	size_t nincluded, included_cap;
	int (*compile)(struct sieve_run *r, struct sv text, struct sv name,
	    struct sieve_script **out, struct sieve_errors *errors);
};

/* ---- state.c ---- */

/* Sets the error at the command at hand; FLOW_FAIL. */
enum sieve_flow sieve_fail(struct sieve_run *r, const struct sieve_node *n,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Of what the host has said: RC_TEMP is FLOW_TEMP, RC_OK FLOW_ON; the rest is
 * an error, "%s". */
enum sieve_flow sieve_fail_rc(
    struct sieve_run *r, const struct sieve_node *n, int rc, const char *text);
void sieve_trace(struct sieve_run *r, const struct sieve_node *n,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum sieve_flow sieve_step(struct sieve_run *r, const struct sieve_node *n);
/* So much work is going to be done, or has been (sieve_limits.work). */
enum sieve_flow sieve_charge(
    struct sieve_run *r, const struct sieve_node *n, uint64_t work);
/* What may still be done. */
uint64_t sieve_work_left(const struct sieve_run *r);

/* The value of a string, in scratch. */
enum sieve_flow sieve_expand(struct sieve_run *r, const struct sieve_node *n,
    const struct sieve_string *s, struct sv *out);
/* All values of a list; v may be NULL: none. */
enum sieve_flow sieve_expand_all(struct sieve_run *r,
    const struct sieve_node *n, const struct sieve_value *v, struct sv **out,
    size_t *n_out);
/* The value of a variable, which may be "global.name"; empty if it has none. */
struct sv sieve_variable_get(struct sieve_run *r, struct sv name);
/* Cut to the limit, between characters. */
void sieve_variable_set(struct sieve_run *r, struct sv name, struct sv value);
bool sieve_scope_is_global(const struct sieve_scope *s, struct sv name);
void sieve_variables_fini(struct sieve_variables *v);

/* A copy in the result's arena. */
struct sv sieve_keep_sv(struct sieve_run *r, struct sv s);

/* ---- doc.c ---- */

void sieve_doc_open(struct sieve_doc *d, struct sv bytes);
void sieve_doc_fini(struct sieve_doc *d);
/* The whole message as it is now. */
enum sieve_flow sieve_doc_whole(
    struct sieve_run *r, const struct sieve_node *n, struct sv *out);
/* Its structure. */
enum sieve_flow sieve_doc_mime(
    struct sieve_run *r, const struct sieve_node *n, struct mime_msg **out);
/* The header that tests look at: of the message, or of the root. */
enum sieve_flow sieve_doc_header(
    struct sieve_run *r, const struct sieve_node *n, struct sv *out);
/* Another header; it is copied. */
enum sieve_flow sieve_doc_set_header(
    struct sieve_run *r, const struct sieve_node *n, struct sv header);
/* Another message; it is copied. */
enum sieve_flow sieve_doc_set(
    struct sieve_run *r, const struct sieve_node *n, struct sv bytes);

/* ---- action.c ---- */

/* "inbox/x/" is "INBOX/x", in scratch. */
struct sv sieve_mailbox_name(struct sieve_run *r, struct sv name);
bool sieve_mailbox_may_be(struct sv name);
/* Space-separated words of all strings, each valid flag once, into out
 * [RFC 5232 2]. */
void sieve_flags_add(struct sv words, struct buf *out);
/* What adding so many bytes of them may cost. */
enum sieve_flow sieve_flags_charge(
    struct sieve_run *r, const struct sieve_node *n, size_t bytes);
void sieve_flags_split(
    struct sieve_run *r, struct sv words, struct sieve_store *out);
/* Stores; copy: the implicit keep stays. */
enum sieve_flow sieve_add_store(struct sieve_run *r, const struct sieve_node *n,
    enum sieve_kind kind, const struct sieve_store *store, bool copy);
/* Any other action; filled in by the caller. */
enum sieve_flow sieve_add_action(struct sieve_run *r,
    const struct sieve_node *n, enum sieve_kind kind,
    struct sieve_action **out);
enum sieve_flow sieve_add_record(struct sieve_run *r,
    const struct sieve_node *n, const struct sieve_record *record);
/* Resolves the tags :create, :specialuse, :flags and a name to a place. */
enum sieve_flow sieve_store_resolve(struct sieve_run *r,
    const struct sieve_node *n, struct sv mailbox, struct sieve_store *out);

/* ---- exec.c ---- */

enum sieve_flow sieve_exec(struct sieve_run *r, const struct sieve_node *first);
enum sieve_flow sieve_test(
    struct sieve_run *r, const struct sieve_node *n, bool *out);

#endif
