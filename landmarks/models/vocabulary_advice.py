"""What a vocabulary's report means, in sentences for the person who taught it, in English or Spanish."""

import math
from typing import Final, Literal

from landmarks.models.vocabulary_report import VocabularyReport

Language = Literal["en", "es"]

SENTENCES: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "right": "Left out one by one, {right:.0f}% of the recordings are named right, {accepted:.0f}% surely enough.",
        "alone": "{label} has one recording: nothing is known of how well it is recognised. Record some more.",
        "confused": "{label} was taken for {other} {count} of {tried} times.",
        "inseparable": "{label} and {other} can't be told apart: change one of them, or forget it.",
        "odd": "Recording {number} of {label} is the odd one out: it is unlike the other {others}. Record it again.",
        "unsure": "{label} is performed differently each time: {accepted} of {tried} recordings are near enough.",
        "sitting": "All recordings of {labels} are from one sitting. Teach again in another place or on another day.",
        "fine": "Nothing is confused.",
    },
    "es": {
        "right": "Dejada fuera cada grabación, se reconoce el {right:.0f} %; con certeza, el {accepted:.0f} %.",
        "alone": "{label} tiene una sola grabación: no se sabe lo bien que se reconoce. Graba algunas más.",
        "confused": "{label} se tomó por {other} {count} de {tried} veces.",
        "inseparable": "{label} y {other} no se distinguen: cambia uno de los dos, u olvídalo.",
        "odd": "La grabación {number} de {label} es la rara: no se parece a las otras {others}. Grábala de nuevo.",
        "unsure": "{label} sale distinto cada vez: {accepted} de {tried} grabaciones se parecen lo suficiente.",
        "sitting": "Todas las grabaciones de {labels} son de una sola sesión. Repite en otro lugar u otro día.",
        "fine": "Nada se confunde.",
    },
}


def advise(report: VocabularyReport, language: Language = "en") -> list[str]:
    """The sentences of a report: how well it does, what is confused, and what to do next."""
    words = SENTENCES[language]
    lines = []
    if not math.isnan(report.right):
        lines.append(words["right"].format(right=100 * report.right, accepted=100 * report.accepted))
    tried = {gesture.label: gesture.tried for gesture in report.gestures}
    confusions = report.list_confusions()
    for label, other, count in confusions:
        lines.append(words["confused"].format(label=label, other=other, count=count, tried=tried[label]))
    for label, other in report.inseparable:
        lines.append(words["inseparable"].format(label=label, other=other))
    if len(report.gestures) > 1 and not (confusions or report.inseparable or math.isnan(report.right)):
        lines.append(words["fine"])
    for gesture in report.gestures:
        if gesture.recordings == 1:
            lines.append(words["alone"].format(label=gesture.label))
        elif gesture.odd is not None:
            number, others = gesture.odd + 1, gesture.recordings - 1
            lines.append(words["odd"].format(number=number, label=gesture.label, others=others))
        elif 2 * gesture.accepted < gesture.tried and gesture.right == gesture.tried:
            said = words["unsure"]
            lines.append(said.format(label=gesture.label, accepted=gesture.accepted, tried=gesture.tried))
    once = [gesture.label for gesture in report.gestures if gesture.sessions == 1]
    if once:
        lines.append(words["sitting"].format(labels=", ".join(once)))
    return lines
