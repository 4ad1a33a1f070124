/*
 * The messages of the server: who says what to whom.  Types are unique over all
 * lines; each is named with its struct, whose fields ipc/msg_*.h have.  A
 * request is answered by MSG_REPLY with the same id; "->" names the reply's
 * struct.  What has no struct has no fields.
 */
#ifndef IPC_PROTO_H
#define IPC_PROTO_H

enum proto {
	/* MSG_REPLY = 1 */

	/* ---- supervisor and child, on the control line: msg_control.h ---- */

	CTL_BOOT = 16,	  /* first of all: ctl_boot */
	CTL_LISTEN,	  /* ctl_listen: a socket, until CTL_READY */
	CTL_LINE,	  /* ctl_line */
	CTL_READY,	  /* these were all sockets; child: I serve */
	CTL_CONFIG,	  /* ctl_config */
	CTL_DRAIN,	  /* ctl_drain */
	CTL_START,	  /* from the keeper: ctl_start */
	CTL_REFUSED,	  /* to the keeper: ctl_refused */
	CTL_CONTROL,	  /* no fields; fd: a connection of the command line */
	CTL_STATUS,	  /* supervisor: how are you?  child: ctl_status */
	CTL_ALIVE,	  /* supervisor: are you?  child: CTL_ALIVE */
	CTL_LET_IN,	  /* to listeners: all others serve, so may you */
	CTL_ACCUSE,	  /* child: ctl_accuse */
	CTL_WAKE,	  /* child: ctl_wake */
	CTL_DEBUG,	  /* ctl_debug */
	CTL_CERTIFICATES, /* from acme: ctl_certificates */
	CTL_LETTER,	  /* to auth: ctl_letter */
	CTL_RENEW,	  /* to acme: cert_renew, before its first CTL_LINE */
	CTL_CLAMD,	  /* from smtp, submission; back, in order: ctl_clamd */
	CTL_ERRAND,	  /* from admin or web: ctl_errand */
	CTL_ERRAND_DONE,  /* to it: ctl_errand_done */

	/* ---- listeners, submission and queue to auth: msg_auth.h ---- */

	AUTH_LOGIN, /* login_ask -> login_done */
	AUTH_KICK,  /* auth to submission: session_kick */
	AUTH_SIGN,  /* submission and queue only: sign_ask -> sign_done */

	/* ---- web to auth: msg_auth.h ---- */

	AUTH_LINK,     /* link_ask -> link_done */
	AUTH_SIGN_IN,  /* sign_in_ask -> sign_in_done: msg_page.h */
	AUTH_SIGN_OUT, /* sign_out; no answer: msg_page.h */
	AUTH_VISIT,    /* visit_ask -> msg_answer: msg_page.h */

	/* ---- auth to admin, and to keeper, which passes it on to the account;
	 * web to either on the page's own line: msg_page.h ---- */

	PAGE_OPEN, /* page_open -> msg_answer */
	LINK_OPEN, /* the same, for somebody with a link: no person's line */
	PAGE_ASK,  /* page_ask -> page_answer; once */

	/* ---- account to auth, on a person's line: msg_person.h ---- */

	PERSON_STATE,	 /* -> person_state */
	PERSON_DEVICES,	 /* -> person_devices */
	PERSON_SESSIONS, /* -> person_sessions */
	PERSON_LOGINS,	 /* -> person_logins */
	PERSON_ORDER,	 /* person_order -> person_done */

	/* ---- auth to keeper, keeper to account: msg_account.h ---- */

	SESSION_OPEN, /* session_open -> msg_answer */
	SESSION_KICK, /* session_kick */

	/* ---- the command line to keeper, on a control connection, and keeper
	 * to account: msg_account.h ---- */

	/* session_local -> msg_answer; RC_TEMP: an earlier one of that who
	 * still ends */
	SESSION_LOCAL,
	EXPUNGED, /* expunged_ask -> expunged_done */
	RULES,	  /* rules_ask -> msg_answer */

	/* ---- smtp, submission, queue to keeper, keeper to account:
	 * msg_account.h ---- */

	DELIVER, /* mail_delivery -> msg_answer */

	/* ---- account to keeper: msg_account.h ---- */

	/* First of all on each line: its store is open.  What was sent to it
	 * before has nothing to do with a death before that. */
	ACCOUNT_OPEN,
	ACCOUNT_LEAVE, /* may I go? -> msg_answer: RC_OK or RC_TEMP */
	ACCOUNT_USAGE, /* account_usage */
	/* What its rules send: account_mail, which the keeper passes on to the
	 * queue with the account's name.  The queue tells the keeper, and that
	 * the account, ACCOUNT_SENT: account_sent. */
	ACCOUNT_SEND,
	ACCOUNT_SENT,

	/* ---- keeper to those who deliver: msg_account.h ---- */

	ACCOUNT_FULL, /* account_full */

	/* ---- smtp, submission to queue: msg_queue.h ---- */

	QUEUE_FILE, /* -> queue_file */
	QUEUE_PUT,  /* queue_mail -> msg_answer */
	/* queue_return: is it an address to which forwarded mail comes back?
	 * -> msg_answer: RC_OK, RC_DENIED (forged), RC_TIMEOUT (too old) */
	QUEUE_RETURN,
	/* Has somebody here written to that address?  queue_known ->
	 * msg_answer: RC_OK or RC_NOTFOUND */
	QUEUE_KNOWN,
	/* To those who have asked: an answer may have changed */
	QUEUE_KNOWN_NEWS,
	/* May a stranger pass?  queue_grey -> msg_answer: RC_OK, or
	 * RC_TIMEOUT: not yet */
	QUEUE_GREY,

	/* ---- acme to web: msg_web.h; -> msg_answer ---- */

	HTTP_CHALLENGE_SET,   /* http_challenge */
	HTTP_CHALLENGE_CLEAR, /* http_challenge_end */
	ALPN_CHALLENGE_SET,   /* alpn_challenge */
	ALPN_CHALLENGE_CLEAR, /* alpn_challenge_end */
	WEB_CERTIFICATE,      /* web_certificate */

	/* ---- smtp to report: msg_report.h ---- */

	REPORT_READ, /* report_mail -> msg_answer */

	/* ---- report to history: msg_report.h ---- */

	REPORT_KEEP, /* report_record -> msg_answer */

	/* ---- smtp to history: msg_report.h; no answer ---- */

	FEEDBACK_SEEN,	 /* feedback_seen */
	FEEDBACK_WANTED, /* feedback_wanted */

	/* ---- queue to history: msg_report.h ---- */

	FEEDBACK_NEXT, /* -> feedback_due */
	FEEDBACK_DONE, /* feedback_done; no answer */
	FEEDBACK_REST, /* feedback_rest; no answer */

	/* ---- those who look up names to dns: msg_dns.h ---- */

	DNS_QUERY,     /* dns_question -> dns_reply */
	DNS_AUTHORITY, /* dns_question -> dns_direct */

	/* ---- queue to mx: msg_mx.h ---- */

	MX_JOB, /* mx_job -> mx_outcome */
	/* mx_noted: what became of a job is on the disk.  Until then mx keeps
	 * that, also for a queue that is started anew. */
	MX_NOTED,
	MX_OPEN,   /* mx, first of all: mx_open, each */
	MX_LATE,   /* mx_outcome of such a job, at once or later */
	MX_LISTED, /* mx: these were all; once */

	/* ---- command line to auth, on a control connection: msg_auth.h;
	 * -> auth_done ---- */

	CMD_PASSWD, /* auth_command, as are those without one of their own */
	CMD_APP_ADD,
	CMD_APP_REVOKE,
	CMD_APP_LIST,
	CMD_DEVICE_ADD,	 /* device_order; the text is a link's token, if
			  * there is https */
	CMD_DEVICE_LIST, /* as APP_LIST, in the lines of auth/uses.h */
	CMD_TOTP_OFF,
	CMD_WEB_LOGIN, /* of no account; the secret is a link's token */
	CMD_ACCOUNTS,
	CMD_DKIM, /* dkim_order; see auth/signer.h */

	/* ---- command line to supervisor, on a connection of its own:
	 * msg_control.h.  On those of reload and status it says nothing: they
	 * are the order.  -> msg_answer; status_all ---- */

	CMD_DEBUG, /* cmd_debug -> msg_answer */
	CMD_LOOK,  /* look_ask -> look_done */
	CMD_RENEW, /* cert_renew -> msg_answer, when it is done */

	/* ---- command line to queue, on a control connection: msg_queue.h */

	CMD_QUEUE_LIST, /* queue_list -> queue_listed */
	CMD_QUEUE_ACT,	/* queue_act -> queue_done */

	/* ---- those who handle mail to the history: msg_history.h */

	HISTORY_NOTES, /* history_notes -> msg_answer */
	TRACE_MINE,    /* of an account only: trace_mine -> trace_stories */

	/* ---- command line to history, on a control connection:
	 * msg_history.h */

	CMD_TRACE_FIND, /* trace_find -> trace_found */
	CMD_TRACE_READ, /* trace_read -> trace_steps */
	CMD_REPORTS,	/* reports_ask -> reports_answer */
	CMD_DAYS,	/* -> history_days */

	/* ---- queue to history; no answer ---- */

	HISTORY_SAMPLE, /* history_sample */

	/* ---- account to junk, and the command line to it: msg_junk.h;
	 * -> junk_told ---- */

	JUNK_ASK,     /* junk_ask */
	JUNK_TEACH,   /* junk_teach */
	JUNK_MINE,    /* of the account alone: as JUNK_ORDER_STATS */
	CMD_JUNK,     /* junk_order, on a control connection */
	JUNK_EXPLAIN, /* the command line to keeper, keeper to account:
		       * junk_explain -> msg_answer */

	/* ---- the worker of an import or export to its command:
	 * msg_import.h; -> xfer_done ---- */

	XFER_SAY,	/* xfer_say; no answer */
	XFER_LIST,	/* xfer_path -> xfer_names */
	XFER_LIST_MORE, /* xfer_path -> xfer_names */
	XFER_OPEN,	/* xfer_path; fd to read */
	XFER_MAKE,	/* xfer_path: a folder; fine if there is one */
	XFER_CREATE,	/* xfer_path; fd to write */
	XFER_FINISH,	/* xfer_finish: renames */
	XFER_SCRATCH,	/* xfer_path; fd of a file without a name */
	XFER_LOG,	/* xfer_log: appended to the state's file and flushed */
	XFER_SESSION,	/* xfer_path; fd of a session of the account */
	XFER_CONNECT,	/* xfer_path; fd of a connection to the other server */
};

#endif
