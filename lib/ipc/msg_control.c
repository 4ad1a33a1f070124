#include "ipc/msg_control.h"

bool
ctl_boot_is_of(struct msg *m, struct sv build)
{
	size_t at = m->at;
	bool same = sv_eq(msg_get_sv(m), build);

	m->at = at;
	return same;
}

static void
boot_fields(struct codec *c, struct ctl_boot *v)
{
	codec_sv(c, &v->build);
	codec_u8(c, &v->role);
	codec_u32(c, &v->generation);
	codec_u32(c, &v->account);
	codec_text(c, &v->account_name, CTL_NAME_MAX);
	codec_bool(c, &v->sandbox_off);
	codec_i64(c, &v->landlock_max);
	codec_bool(c, &v->kill_unknown);
	codec_bool(c, &v->change_user);
	codec_u32(c, &v->uid);
	codec_u32(c, &v->gid);
	codec_bool(c, &v->probe);
	codec_text(c, &v->folder, CTL_PATH_MAX);
	codec_text(c, &v->other, CTL_PATH_MAX);
	codec_u8(c, &v->level);
	codec_bool(c, &v->journal);
	codec_i64(c, &v->clock_offset);
	codec_bool(c, &v->has_tls);
	codec_bool(c, &v->has_tally);
	if (c->way == CODEC_GET)
		v->certs = v->tally = -1;
	codec_fd(c, &v->conf);
	if (v->has_tls)
		codec_fd(c, &v->certs);
	if (v->has_tally)
		codec_fd(c, &v->tally);
}

CODEC(ctl_boot, boot_fields)

static void
listen_fields(struct codec *c, struct ctl_listen *v)
{
	codec_u8(c, &v->service);
	codec_fd(c, &v->fd);
}

CODEC(ctl_listen, listen_fields)

static void
line_fields(struct codec *c, struct ctl_line *v)
{
	codec_u8(c, &v->role);
	codec_text(c, &v->account, CTL_NAME_MAX);
	codec_fd(c, &v->fd);
}

CODEC(ctl_line, line_fields)

static void
config_fields(struct codec *c, struct ctl_config *v)
{
	codec_u32(c, &v->generation);
	codec_fd(c, &v->fd);
}

CODEC(ctl_config, config_fields)

static void
drain_fields(struct codec *c, struct ctl_drain *v)
{
	codec_u64(c, &v->ms);
}

CODEC(ctl_drain, drain_fields)

static void
start_fields(struct codec *c, struct ctl_start *v)
{
	codec_u32(c, &v->generation);
	codec_u32(c, &v->account);
}

CODEC(ctl_start, start_fields)

static void
refused_fields(struct codec *c, struct ctl_refused *v)
{
	codec_text(c, &v->account, CTL_NAME_MAX);
}

CODEC(ctl_refused, refused_fields)

static void
accuse_fields(struct codec *c, struct ctl_accuse *v)
{
	codec_u8(c, &v->role);
}

CODEC(ctl_accuse, accuse_fields)

static void
wake_fields(struct codec *c, struct ctl_wake *v)
{
	codec_u8(c, &v->role);
}

CODEC(ctl_wake, wake_fields)

static void
certificates_fields(struct codec *c, struct ctl_certificates *v)
{
	codec_i64(c, &v->next);
	codec_text(c, &v->text, CERTIFICATES_TEXT_MAX);
	codec_text(c, &v->trouble, CERTIFICATES_TEXT_MAX);
	codec_below(c, &v->urgency, 4);
	codec_text(c, &v->name, CERT_NAME_MAX);
	codec_rc(c, &v->rc);
	codec_text(c, &v->answer, ERR_TEXT_MAX);
}

CODEC(ctl_certificates, certificates_fields)

static void
renew_fields(struct codec *c, struct cert_renew *v)
{
	codec_text(c, &v->name, CERT_NAME_MAX);
}

CODEC(cert_renew, renew_fields)

static void
clamd_fields(struct codec *c, struct ctl_clamd *v)
{
	codec_fd_maybe(c, &v->fd);
}
CODEC(ctl_clamd, clamd_fields)

static void
letter_fields(struct codec *c, struct ctl_letter *v)
{
	codec_text(c, &v->subject, ERR_TEXT_MAX);
	codec_text(c, &v->text, 2 * CERTIFICATES_TEXT_MAX);
}

CODEC(ctl_letter, letter_fields)

static void
errand_fields(struct codec *c, struct ctl_errand *v)
{
	codec_below(c, &v->what, ERRANDS);
	codec_u64(c, &v->ms);
}

CODEC(ctl_errand, errand_fields)

static void
errand_done_fields(struct codec *c, struct ctl_errand_done *v)
{
	codec_below(c, &v->what, ERRANDS);
	codec_rc(c, &v->rc);
	codec_i64(c, &v->when);
	codec_u8(c, &v->status);
	codec_fd_maybe(c, &v->fd);
}

CODEC(ctl_errand_done, errand_done_fields)

static void
debug_fields(struct codec *c, struct ctl_debug *v)
{
	codec_u8(c, &v->level);
	codec_sv(c, &v->what);
	codec_u64(c, &v->ms);
}

CODEC(ctl_debug, debug_fields)

static void
cmd_debug_fields(struct codec *c, struct cmd_debug *v)
{
	codec_text(c, &v->process, CTL_NAME_MAX + sizeof "account ");
	debug_fields(c, &v->debug);
}

CODEC(cmd_debug, cmd_debug_fields)

static void
day_fields(struct codec *c, struct status_day *v)
{
	uint32_t i;

	codec_list(c, (void **)&v->tally, &v->ntally, sizeof *v->tally,
	    STATUS_TALLIES_MAX);
	for (i = 0; i < v->ntally; i++)
		codec_u64(c, &v->tally[i]);
	codec_list_end(c, (void **)&v->tally, &v->ntally);
	codec_list(c, (void **)&v->event, &v->nevent, sizeof *v->event,
	    STATUS_EVENTS_MAX);
	for (i = 0; i < v->nevent; i++) {
		codec_u8(c, &v->event[i].level);
		codec_i64(c, &v->event[i].when);
		codec_sv(c, &v->event[i].text);
	}
	codec_list_end(c, (void **)&v->event, &v->nevent);
}

static void
status_fields(struct codec *c, struct ctl_status *v)
{
	uint32_t i;

	codec_u32(c, &v->connections);
	codec_u64(c, &v->memory);
	codec_list(c, (void **)&v->number, &v->nnumber, sizeof *v->number,
	    STATUS_NUMBERS_MAX);
	for (i = 0; i < v->nnumber; i++) {
		codec_u16(c, &v->number[i].what);
		codec_u64(c, &v->number[i].n);
	}
	codec_list_end(c, (void **)&v->number, &v->nnumber);
	codec_sv(c, &v->text);
	day_fields(c, &v->day);
}

CODEC(ctl_status, status_fields)

static void
record_fields(struct codec *c, struct status_record *v)
{
	codec_text(c, &v->role, CTL_NAME_MAX);
	codec_text(c, &v->account, CTL_NAME_MAX);
	codec_u32(c, &v->pid);
	codec_u64(c, &v->ms);
	codec_u32(c, &v->restarts);
	codec_sv(c, &v->answer);
}

CODEC(status_record, record_fields)

static void
all_fields(struct codec *c, struct status_all *v)
{
	codec_rc(c, &v->rc);
	codec_u64(c, &v->ms);
	codec_i64(c, &v->backup_failed);
	codec_text(c, &v->why, ERR_TEXT_MAX);
	codec_text(c, &v->cert_trouble, ERR_TEXT_MAX);
	codec_i64(c, &v->published_when);
	codec_text(c, &v->published_trouble, PUBLISHED_TROUBLE_MAX);
	codec_text(c, &v->certificates, CERTIFICATES_TEXT_MAX);
	codec_text(c, &v->certificates_trouble, CERTIFICATES_TEXT_MAX);
	day_fields(c, &v->day);
	codec_fd_maybe(c, &v->fd);
}

CODEC(status_all, all_fields)

static void
look_fields(struct codec *c, struct look_ask *v)
{
	uint32_t i;

	codec_list(c, (void **)&v->file, &v->n, sizeof *v->file, LOOK_MAX);
	for (i = 0; i < v->n; i++) {
		codec_u8(c, &v->file[i].what);
		codec_text(c, &v->file[i].path, LOOK_PATH_MAX);
	}
	codec_list_end(c, (void **)&v->file, &v->n);
}

CODEC(look_ask, look_fields)

static void
look_done_fields(struct codec *c, struct look_done *v)
{
	uint32_t i;

	codec_list(c, (void **)&v->why, &v->n, sizeof *v->why, LOOK_MAX);
	for (i = 0; i < v->n; i++)
		codec_text(c, &v->why[i], ERR_TEXT_MAX);
	codec_list_end(c, (void **)&v->why, &v->n);
}

CODEC(look_done, look_done_fields)
