#include "mail/folder.h"

#include "mail/names.h"

static const struct mail_names uses[] = {
    MAIL_NAMES(MAIL_FOLDER_SENT, "Sent", "Sent Items", "Sent Mail",
	"Sent Messages", "Sent-Mail", "SentMail", "Sent Email", "Sent Emails",
	"Outbox (Sent)", "Gesendet", "Gesendete Elemente", "Gesendete Objekte",
	"Gesendete Nachrichten", "Gesendete E-Mails", "Gesendete Mails",
	"Postausgang (gesendet)", "Envoyés", "Envoyé", "Messages envoyés",
	"Éléments envoyés", "Courrier envoyé", "Objets envoyés", "Enviados",
	"Elementos enviados", "Correo enviado", "Mensajes enviados",
	"Itens enviados", "E-mails enviados", "E-mail enviado",
	"Mensagens enviadas", "Posta inviata", "Inviata", "Inviati",
	"Messaggi inviati", "Elementi inviati", "Verzonden", "Verzonden items",
	"Verzonden berichten", "Skickat", "Skickade objekt", "Sendt post",
	"Sendte elementer", "Sendt", "Sendte", "Lähetetyt", "Wysłane",
	"Elementy wysłane", "Odeslané", "Odeslaná pošta", "Отправленные",
	"Gönderilmiş Öğeler", "Gönderilenler"),
    MAIL_NAMES(MAIL_FOLDER_DRAFTS, "Drafts", "Draft", "Entwürfe", "Entwurf",
	"Brouillons", "Brouillon", "Borradores", "Borrador", "Rascunhos",
	"Rascunho", "Bozze", "Bozza", "Concepten", "Concept", "Utkast",
	"Kladder", "Luonnokset", "Kopie robocze", "Wersje robocze", "Koncepty",
	"Черновики", "Taslaklar"),
    MAIL_NAMES(MAIL_FOLDER_JUNK, "Junk", "Spam", "Junk E-mail", "Junk Email",
	"Junk-E-mail", "Junk-E-Mail", "Junk Mail", "Spamverdacht",
	"Unerwünscht", "Spam-Verdacht", "Unerwünschte Werbung",
	"Unerwünschte E-Mails", "Indésirables", "Courrier indésirable",
	"Pourriel", "Pourriels", "Correo no deseado", "No deseado",
	"Lixo eletrônico", "Lixo Eletrónico", "Posta indesiderata",
	"Indesiderata", "Ongewenste e-mail", "Ongewenst", "Skräppost",
	"Søppelpost", "Uønsket mail", "Uønsket e-mail", "Roskaposti",
	"Wiadomości-śmieci", "Nevyžádaná pošta", "Нежелательная почта", "Спам",
	"Önemsiz E-posta"),
    MAIL_NAMES(MAIL_FOLDER_BULK, "Bulk", "Bulk Mail", "Werbung"),
    MAIL_NAMES(MAIL_FOLDER_TRASH, "Trash", "Deleted", "Deleted Items",
	"Deleted Messages", "Deleted Mail", "Bin", "Waste", "Wastebasket",
	"Papierkorb", "Gelöscht", "Gelöschte Elemente", "Gelöschte Objekte",
	"Gelöschte Nachrichten", "Gelöschte E-Mails", "Corbeille",
	"Éléments supprimés", "Messages supprimés", "Supprimés", "Papelera",
	"Elementos eliminados", "Eliminados", "Lixeira", "Lixo",
	"Itens excluídos", "Itens Eliminados", "Cestino", "Posta eliminata",
	"Eliminati", "Messaggi eliminati", "Prullenbak", "Prullenmand",
	"Verwijderd", "Verwijderde items", "Papperskorg", "Papperskorgen",
	"Borttagna objekt", "Papirkurv", "Slettet post", "Slettede elementer",
	"Roskakori", "Poistetut", "Kosz", "Elementy usunięte", "Koš",
	"Odstraněná pošta", "Удаленные", "Удалённые", "Корзина", "Çöp Kutusu",
	"Silinmiş Öğeler"),
    MAIL_NAMES(MAIL_FOLDER_ARCHIVE, "Archive", "Archives", "Archiv", "Archivo",
	"Archivados", "Arquivo", "Archivio", "Archief", "Arkiv", "Arkisto",
	"Archiwum", "Архив", "Arşiv", "Archivé"),
};

enum mail_folder
mail_folder_usual(struct sv name)
{
	static const struct sv above[] = {
	    {"INBOX/", 6}, {"[Gmail]/", 8}, {"[Google Mail]/", 14}};
	size_t i;

	for (i = 0; i < sizeof above / sizeof above[0]; i++)
		if (sv_istarts(name, above[i]))
			name = sv_skip(name, above[i].n);
	return (enum mail_folder)MAIL_NAMES_FIND(uses, name);
}
