/*
 * Reports of other mail hosts about our domains: DMARC aggregate reports
 * [RFC 9990] and TLS reports [RFC 8460].  smtp hands the mail that brings one
 * to the process that reads it; what it has read goes to history, and from
 * there to the command line.
 *
 * report_record is also what the readers fill (report/record.h) and what
 * report/sentences.h tells.  All its texts are what strangers claim.
 */
#ifndef IPC_MSG_REPORT_H
#define IPC_MSG_REPORT_H

#include "ipc/codec.h"

#define REPORT_TEXT_MAX	   256 /* bytes of a text, with a NUL behind it */
#define REPORT_SOURCES_MAX 200 /* told apart in one report */
#define REPORT_TLS_MAX	   100
#define REPORT_MAIL_MAX	   (10u << 20) /* larger ones are not read */

/* REPORT_READ: a copy of a mail to an address for reports. */
struct report_mail {
	struct sv from;	  /* the author's domain */
	bool verified;	  /* and the mail has proved to be from there */
	int64_t received; /* seconds */
	uint64_t size;
	/* The address is for reports only: what it gets and is not one is
	 * worth a word. */
	bool expected;
	/* The process that reads it has died of it before: it is not to be
	 * read. */
	bool deadly;
	int fd; /* the message; -1: it got lost on the way */
};
CODEC_FUNCTIONS(report_mail);

enum report_kind {
	REPORT_DMARC,
	REPORT_TLS,
	REPORT_UNKNOWN, /* it was not read that far */
	REPORT_KINDS
};

enum report_done {
	REPORT_DONE_NOTHING, /* they let it pass */
	REPORT_DONE_JUNK,
	REPORT_DONE_REFUSED,
	REPORT_DONE_UNKNOWN,
	REPORT_DONE_COUNT
};

/* Mails from one address with the same outcome. */
struct report_source {
	struct sv address;
	uint64_t count;
	uint8_t done;			/* enum report_done */
	bool dkim_aligned, spf_aligned; /* and passed */
	struct sv author;		/* the domain in From */
	/* One of the results: of a signature that passed, if there is one. */
	struct sv dkim_domain, dkim_result;
	struct sv spf_domain, spf_result;
	struct sv reason; /* why they did not do what the policy asks */
};

/* Of one policy for TLS: sessions, or one kind of failure. */
struct report_tls {
	struct sv policy; /* "sts", "tlsa", "no-policy-found", ... */
	struct sv domain;
	struct sv failure; /* its result-type; empty: this is the summary */
	uint64_t good, bad;
	struct sv mx, mx_address, sender_address;
	struct sv info; /* a code or text of theirs */
};

/* REPORT_KEEP, and what reports_answer has. */
struct report_record {
	uint8_t kind; /* enum report_kind */
	/* Why it was not read; empty: it was. */
	struct sv refused;
	/* What is wrong with it though it was read; else empty. */
	struct sv trouble;
	struct sv from; /* of the mail that brought it */
	bool verified;
	int64_t received;
	struct sv org, contact, id;
	struct sv domain;	      /* that it is about */
	int64_t begin, end;	      /* seconds; 0: not given */
	struct sv policy, sub_policy; /* as published: "none", ... */
	struct report_source *source;
	uint32_t nsource;
	/* Mails of further sources. */
	uint64_t more_passed, more_failed;
	struct report_tls *tls;
	uint32_t ntls;
};
CODEC_FUNCTIONS(report_record);

/* ---- our own reports, to those who ask for them ---- */

#define FEEDBACK_DKIM_MAX 10
#define FEEDBACK_ROWS_MAX 200
#define FEEDBACK_TO_MAX	  4

struct feedback_dkim {
	struct sv domain, selector, result;
};

/* Mails of one outcome [RFC 9990 3.1.1]. */
struct feedback_row {
	struct sv address; /* who brought it */
	uint64_t count;
	uint8_t done; /* enum report_done, not UNKNOWN */
	bool dkim_aligned, spf_aligned;
	struct sv reason;   /* why not as the policy asks: "local_policy" */
	struct sv author;   /* the domain in From */
	struct sv envelope; /* the domain of MAIL FROM; empty: null sender */
	struct feedback_dkim *dkim;
	uint32_t ndkim;
	struct sv spf_domain, spf_result;
};
CODEC_FUNCTIONS(feedback_row);

/* As it was found in the DNS. */
struct feedback_policy {
	struct sv domain; /* where */
	struct sv p, sp, np, adkim, aspf, fo;
	bool testing;
};
CODEC_FUNCTIONS(feedback_policy);

/* FEEDBACK_SEEN, smtp to history: one mail. */
struct feedback_seen {
	int64_t when;  /* seconds */
	bool accepted; /* not refused */
	struct feedback_policy policy;
	struct feedback_row row;
};
CODEC_FUNCTIONS(feedback_seen);

/* FEEDBACK_WANTED, smtp to history: that address asks for reports about the
 * domain, and may. */
struct feedback_wanted {
	int64_t when;
	struct sv domain, address;
};
CODEC_FUNCTIONS(feedback_wanted);

/* The answer to FEEDBACK_NEXT, queue to history: RC_OK, or RC_NOTFOUND. */
struct feedback_due {
	int rc;
	int64_t begin, end; /* seconds */
	struct feedback_policy policy;
	struct sv *to;
	uint32_t nto;
	struct feedback_row *row;
	uint32_t nrow;
};
CODEC_FUNCTIONS(feedback_due);

/* FEEDBACK_DONE, queue to history: the report about it is on its way. */
struct feedback_done {
	int64_t begin;
	struct sv domain;
};
CODEC_FUNCTIONS(feedback_done);

/* FEEDBACK_REST, queue to history: that address did not take one. */
struct feedback_rest {
	struct sv address;
	int64_t until; /* seconds */
};
CODEC_FUNCTIONS(feedback_rest);

/* ---- commands ---- */

#define REPORTS_PAGE_MAX 1000

/* CMD_REPORTS: those that came since then, and behind that number. */
struct reports_ask {
	int64_t since; /* seconds */
	uint64_t behind;
};
CODEC_FUNCTIONS(reports_ask);

struct reports_answer {
	int rc;
	struct sv text;
	bool more; /* ask again, behind `last` */
	uint64_t last;
	struct sv *record; /* each a struct report_record, encoded */
	uint32_t n;
};
CODEC_FUNCTIONS(reports_answer);

#endif
