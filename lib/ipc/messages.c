#include "ipc/messages.h"

#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_control.h"
#include "ipc/msg_dns.h"
#include "ipc/msg_history.h"
#include "ipc/msg_import.h"
#include "ipc/msg_junk.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_page.h"
#include "ipc/msg_person.h"
#include "ipc/msg_queue.h"
#include "ipc/msg_report.h"
#include "ipc/msg_web.h"

const struct codec_type *const ipc_messages[] = {
    &msg_answer_codec,
    /* msg_account.h */
    &session_open_codec,
    &session_kick_codec,
    &session_local_codec,
    &mail_delivery_codec,
    &expunged_ask_codec,
    &expunged_done_codec,
    &account_usage_codec,
    &account_full_codec,
    &account_mail_codec,
    &account_sent_codec,
    &rules_ask_codec,
    /* msg_auth.h */
    &login_ask_codec,
    &login_done_codec,
    &sign_ask_codec,
    &sign_done_codec,
    &link_ask_codec,
    &link_done_codec,
    &auth_command_codec,
    &device_order_codec,
    &dkim_order_codec,
    &auth_done_codec,
    /* msg_control.h */
    &ctl_boot_codec,
    &ctl_listen_codec,
    &ctl_line_codec,
    &ctl_config_codec,
    &ctl_drain_codec,
    &ctl_start_codec,
    &ctl_refused_codec,
    &ctl_accuse_codec,
    &ctl_wake_codec,
    &ctl_certificates_codec,
    &cert_renew_codec,
    &ctl_letter_codec,
    &ctl_clamd_codec,
    &ctl_errand_codec,
    &ctl_errand_done_codec,
    &ctl_debug_codec,
    &cmd_debug_codec,
    &ctl_status_codec,
    &status_record_codec,
    &status_all_codec,
    &look_ask_codec,
    &look_done_codec,
    /* msg_dns.h */
    &dns_question_codec,
    &dns_reply_codec,
    &dns_direct_codec,
    /* msg_history.h */
    &history_notes_codec,
    &trace_find_codec,
    &trace_found_codec,
    &trace_read_codec,
    &trace_steps_codec,
    &history_sample_codec,
    &history_days_codec,
    &trace_mine_codec,
    &trace_stories_codec,
    /* msg_junk.h */
    &junk_ask_codec,
    &junk_teach_codec,
    &junk_told_codec,
    &junk_order_codec,
    &junk_explain_codec,
    /* msg_mx.h */
    &mx_job_codec,
    &mx_outcome_codec,
    &mx_open_codec,
    &mx_noted_codec,
    /* msg_import.h */
    &xfer_say_codec,
    &xfer_path_codec,
    &xfer_finish_codec,
    &xfer_log_codec,
    &xfer_done_codec,
    &xfer_names_codec,
    /* msg_queue.h */
    &queue_file_codec,
    &queue_mail_codec,
    &queue_return_codec,
    &queue_known_codec,
    &queue_grey_codec,
    &queue_list_codec,
    &queue_listed_codec,
    &queue_act_codec,
    &queue_done_codec,
    /* msg_report.h */
    &report_mail_codec,
    &report_record_codec,
    &feedback_row_codec,
    &feedback_policy_codec,
    &feedback_seen_codec,
    &feedback_wanted_codec,
    &feedback_due_codec,
    &feedback_done_codec,
    &feedback_rest_codec,
    &reports_ask_codec,
    &reports_answer_codec,
    /* msg_page.h */
    &sign_in_ask_codec,
    &sign_in_done_codec,
    &sign_out_codec,
    &visit_ask_codec,
    &page_open_codec,
    &page_ask_codec,
    &page_answer_codec,
    /* msg_person.h */
    &person_state_codec,
    &person_devices_codec,
    &person_sessions_codec,
    &person_logins_codec,
    &person_order_codec,
    &person_done_codec,
    /* msg_web.h */
    &http_challenge_codec,
    &http_challenge_end_codec,
    &alpn_challenge_codec,
    &alpn_challenge_end_codec,
    &web_certificate_codec,
    NULL,
};
