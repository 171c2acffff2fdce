"""The words with which mail programs of many languages introduce quotes, forwards and their own advertisements.

Only tables and the patterns made of them; `quotes` and `attributions` say how they are used. Every pattern here is
tried on one line or a few joined lines of bounded length, so that none can take long.
"""

from __future__ import annotations

import re

# Names of headers in a quoted "From: / Sent: / To: / Subject:" block, by what they mean. Lower case.
_HEADER_WORDS = {
    "from": "from|от|от кого|отправитель|від|від кого|von|de|da|van|fra|från|lähettäjä|od|nadawca|odesílatel|kimden|gönderen|feladó"
    "|expéditeur|remitente|mittente|afzender|de la|από|ад|发件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람",
    "date": "date|sent|sent at|date sent|дата|отправлено|отправлен|послано|надіслано|gesendet|gesendet am|datum|envoyé|enviado|enviada"
    "|enviado el|enviado em|enviada em|fecha|data|inviato|data invio|verzonden|verzonden op|sendt|sendt den|dato|skickat|lähetetty"
    "|päivämäärä|päiväys|wysłano|data wysłania|odesláno|poslané|odoslané|gönderildi|gönderme tarihi|tarih|elküldve|dátum|trimis|time"
    "|发送时间|发送日期|日期|时间|傳送時間|寄件日期|送信日時|日時|日付|보낸 날짜|날짜",
    "to": "to|кому|получатель|an|à|a|para|per|aan|til|till|vastaanottaja|do|komu|pro|kime|alıcı|címzett|către|προς|收件人|收件者|宛先|받는 사람|받는사람",
    "cc": "cc|копия|копія|bcc|скрытая копия|kopie|kopi|kopia|copie|copia|cópia|dw|udw|kopie an|bilgi|másolat|抄送|副本|참조",
    "subject": "subject|тема|тема письма|re|betreff|objet|asunto|assunto|oggetto|onderwerp|emne|ämne|aihe|temat|předmět|predmet|konu|tárgy"
    "|subiect|θέμα|主题|主題|主旨|标题|件名|제목",
    "other": "reply-to|reply to|обратный адрес|ответить|antwort an|répondre à|responder a|responder para|rispondi a|risposta|organization"
    "|организация|importance|priority|важность|attachments|вложения|attachment|bijlagen|anlagen|pièces jointes|resent-from|mailed-by",
}
HEADER_CLASS = {word: kind for kind, words in _HEADER_WORDS.items() for word in words.split("|")}
HEADER = re.compile(r"^[\s*_>|]{0,9}([^\W\d_][^:：*\n]{0,24}?)[\s*]{0,3}[:：][\s*]{0,3}(.*)$")

# "wrote" as the programs say it.
_VERBS = (
    r"wrote|writes|you wrote|said|пишет|писала?|писали|писал\(а\)|написала?|написали|написал\(а\)|написано|пише|пишуть|писав|написав(?:ла)?"
    r"|написа|напісаў|schrieb|schrieben|geschrieben|hat geschrieben|a écrit|écrit|escribió|escribio|ha escrito|ha scritto|scrisse|scrive"
    r"|escreveu|va escriure|schreef|geschreven|het volgende geschreven|skrev|skreiv|följande|kirjoitti|napisał\(a\)|napisała?|pisze|napsal\(a\)"
    r"|napsala?|napísala?|napísal\(a\)|a scris|írta|ezt írta|yazdı|şunu yazdı|şunları yazdı|έγραψε|kirjutas|rašė|rakstīja|je napisao|napisao"
)
VERB = re.compile(rf"(?<!\w)(?:{_VERBS})(?!\w)|写道|寫道|のメール|さんは書きました|wrote|님이 작성|작성:", re.IGNORECASE)

_MONTHS = (
    r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек|січ|лют|бер|кві|тра|чер|лип|сер|вер"
    r"|жов|лис|гру|mär|mai|okt|dez|janv|fév|fevr|févr|avr|juin|juil|août|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out|mrt|mei|maj|tammi"
    r"|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru|led|úno|bře|dub|kvě|čer|črv|srp"
    r"|zář|říj|pro|oca|şub|nis|haz|tem|ağu|eyl|eki|kas|ara|máj|jún|júl|szept"
)
_DATE = (
    r"(?:\d{1,4}([./-])\d{1,2}\.?\1\s?\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|º|\.|-)?[\s.-]{{0,2}}(?:(?:de|of|d['’])\s?)?(?:{_MONTHS})\w{{0,9}}"
    rf"|(?:{_MONTHS})\w{{0,7}}[.,]?\s\d{{1,2}}(?!\d)"
    r"|\d{4}\s?[年년])"
)
DATE = re.compile(_DATE, re.IGNORECASE)
# An attribution starts with at most three short words ("On Monday,", "W dniu", "El jueves,", "пн,") and the date.
DATED = re.compile(rf"^[\W_]{{0,12}}(?:[^\W\d_]{{1,14}}[.,]{{0,2}}\s{{1,3}}){{0,3}}{_DATE}", re.IGNORECASE)
CLOCK = re.compile(r"(?<!\d)\d{1,2}\s?(?:[:.hч時시]|點|点)\s?\d{2}(?!\d)|\d{1,2}\s?[AaPp]\.?[Mm]\b")
ADDRESS = re.compile(r"[^\s<>\"'(),;:@]{1,64}@[^\s<>\"'(),;:@]{1,200}")

# Between two rows of dashes: the head of an original or forwarded letter.
_ORIGINAL = (
    r"original|forwarded|reply message|reply separator|исходн|оригинал|первоначальн|пересыл|перенаправл|пересланн|переадресован|цитируем|початков|оригінал"
    r"|пересла|ursprüngl|weitergeleitet|originale?n?|d'origine|transféré|réexpédié|reenviad|encaminhad|inoltrato|oorspronkelijk|doorgestuurd"
    r"|oprindelig|opprinnelig|videresend|ursprung|vidarebefordra|alkuperäinen|välitetty|edelleenlähetetty|oryginaln|przekazan|původní|přeposlan|pôvodn"
    r"|preposlan|eredeti|továbbított|orijinal|özgün|iletilen|원본|전달된|转发|轉寄|原始|原邮件|元の|転送|元のメッセージ"
)
FORWARD = re.compile(
    rf"^[\s>*|]*[-_=—–+*]{{2,60}}[\s<8]*(?:[^\W\d_]{{1,12}}\s){{0,3}}(?:{_ORIGINAL})[^\n]{{0,50}}?[\s<8]*[-_=—–+*>]{{2,60}}\s*$"
    r"|^[\s>*|]*[-—–]{3,60}[^\n@]{1,80}(?:wrote|написано|написала?|schrieb|a écrit|napisał)[^\n]{0,10}[-—–]{3,60}\s*$"
    r"|^[\s>*|]*(?:begin forwarded message|начало (?:пере\w{4,20}) (?:сообщения|письма)|початок пере\w{4,20} (?:повідомлення|листа)"
    r"|anfang der weitergeleiteten (?:nachricht|e-mail)|début du message (?:réexpédié|transféré)|inicio del mensaje reenviado"
    r"|inizio messaggio inoltrato|início da mensagem (?:reencaminhada|encaminhada)|begin doorgestuurd bericht|start på videresendt besked"
    r"|vidarebefordrat (?:brev|meddelande)|videresendt melding|välitetty viesti alkaa|początek przekazywanej wiadomości|začátek přeposlané zprávy"
    r"|下面是被转发的邮件|転送されたメッセージ|이하 전달된 메시지)\s?[:：]?\**\s*$",
    re.IGNORECASE,
)
FORWARD_END = re.compile(
    r"^[\s*]*[-_=—–]{2,60}[\s<8=]*(?:конец|окончание|кінець|end of|ende der|fin du|fine|fin del)\s[^\n]{0,60}?[\s<8=]*[-_=—–]{2,60}\s*$", re.IGNORECASE
)
ABOVE_THIS_LINE = re.compile(
    r"^[\s>*]*[#=_—–-]{2,60}[^\n]{0,20}(?:reply above this line|above this line|выше этой (?:линии|строки|черты)|вище цієї лінії)[^\n]{0,40}$", re.IGNORECASE
)

_DEVICES = (
    r"iphone|ipad|ipod|айфон\w*|android|андроид\w*|samsung|galaxy|huawei|honor|xiaomi|redmi|poco|realme|oppo|vivo|oneplus|meizu|nokia|sony|xperia"
    r"|htc|lg|motorola|asus|zte|tecno|infinix|pixel|blackberry|windows|telefon\w*|телефон\w*|смартфон\w*|планшет\w*|устройств\w*|мобильн\w*|мобільн\w*"
    r"|mobile|phone|smartphone|smartphones?|tablet\w*|device|cell|handy|móvil|celular|portable|mobil\w*|mobiele|мобилн\w*"
    r"|outlook|gmail|mail|mail\.ru|mymail|yahoo|aol|proton\w*|spark|bluemail|typeapp|sparrow|airmail|newton|aqua|почт\w*|пошт\w*|яндекс\w*|yandex\w*"
    r"|rambler\w*|рамблер\w*|vk|nine|edison|zoho|fastmail|canary|hey|tutanota|superhuman|missive|app"
)
_SENT = (
    r"sent (?:from|via|with|using|on)|get outlook|отправлено|послано|надіслано|скачать|получите|завантажте|gesendet (?:von|mit)|von (?:meine[mr]|samsung)"
    r"|envoyé (?:de|depuis|à partir)|enviado (?:desde|de|do|a partir)|enviada (?:do|de)|inviato (?:da|dal|con)|verzonden (?:vanaf|met|via|van)"
    r"|verstuurd (?:vanaf|met|via|van)|sendt (?:fra|med)|skickat från|skickades från|lähetetty|wysłane? z|wysłano z|odesláno z|odoslané z"
    r"|elküldve|trimis (?:de pe|din)|télécharge[rz] outlook|obtener outlook|obtenha o outlook|ottieni outlook|outlook für|hämta outlook|hent outlook"
)
PHONE = re.compile(
    rf"^[\s>*_\[(—–-]{{0,6}}(?:{_SENT})\s(?:\S{{1,30}}\s){{0,5}}?(?:\S{{0,12}}\W)?(?:{_DEVICES})(?!\w)[^.!?\n]{{0,50}}[.!\])*_]{{0,3}}(?:<[^>\n]{{0,200}}>?)?\s*$"
    r"|^\s*(?:发自我的|從我的|从我的)\s?\S.{0,30}$|^.{0,30}(?:から送信|에서 보냄)\s*$|^\s*sent from a \w[\w\s]{0,40}$",
    re.IGNORECASE,
)

CLOSING = re.compile(
    r"^[\s/*_—–-]{0,4}(?:(?:с|з) (?:искренним |большим |глубоким |наилучшим\w* |найкращим\w* )*(?:уважением|уважени[ея]|повагою|пожеланиями|побажаннями|наилучшими)"
    r"|(?:заранее )?(?:спасибо|благодарю)[^.!?\n]{0,30} с уважением|всего (?:доброго|хорошего|наилучшего)|искренне ваш\w*|(?:with )?(?:best|kind|warm|kindest|warmest) regards"
    r"|regards|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|best wishes|cheers|mit (?:freundlichen|besten|herzlichen) grü(?:ß|ss)en"
    r"|freundliche grü(?:ß|ss)e|viele grü(?:ß|ss)e|(?:bien )?cordialement|cordiales saludos|saludos|un saludo|atentamente|cordiali saluti"
    r"|distinti saluti|atenciosamente|met vriendelijke groet(?:en)?|vriendelijke groeten?|med venlig hilsen|venlig hilsen|med vennlig hilsen|hilsen|mvh|kh"
    r"|med vänliga hälsningar|med vänlig hälsning|vänliga hälsningar|ystävällisin terveisin|terveisin|z poważaniem|pozdrawiam|s pozdravem|s pozdravom"
    r"|saygılarımla|üdvözlettel|以上|よろしくお願い\S{0,8})(?:[\s,.!:;—–-]|$).{0,60}$",
    re.IGNORECASE,
)
FOOTER = re.compile(
    r"^[\s>*_]{0,4}(?:virus-free|без вирусов|не содержит вирусов|проверено (?:на вирусы|avast|антивирус)|(?:это|данное) (?:сообщение|письмо) (?:было )?проверено"
    r"|this e-?mail (?:has been|was) (?:checked|scanned)|!DSPAM:|confidentiality notice|уведомление о конфиденциальности"
    r"|(?:настоящее|данное|это) (?:электронное )?(?:сообщение|письмо)[^\n]{0,80}(?:конфиденциальн|предназначен\w* (?:исключительно|только))"
    r"|the information (?:contained )?in this (?:e-?mail|message)[^\n]{0,60}(?:confidential|privileged)"
    r"|this (?:e-?mail|message)[^\n]{0,80}(?:confidential|intended (?:only|solely))"
    r"|you (?:received|are receiving) this (?:message|e-?mail) because you|вы получили это (?:письмо|сообщение),? (?:потому|так как|поскольку)"
    r"|to unsubscribe from (?:this|these)|чтобы отписаться)",
    re.IGNORECASE,
)
LIST_FOOTER = re.compile(r"mailing list|рассылк|mailman|listinfo|lists\.|to unsubscribe|-gebruikers mailing", re.IGNORECASE)
