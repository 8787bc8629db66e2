"""Tables of TeX: what each command is in Unicode. Data alone; ``tex`` reads it."""

from __future__ import annotations

import re
from functools import cache


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GREEK = _pairs(
    """
    alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι
    kappa κ lambda λ mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς
    tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π
    Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
    """
)
RELATIONS = _pairs(
    """
    leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠ ll ≪ gg ≫ approx ≈ sim ∼ simeq ≃ cong ≅ equiv ≡ propto ∝
    in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ to → rightarrow → leftarrow ←
    longrightarrow ⟶ Rightarrow ⇒ Leftarrow ⇐ leftrightarrow ↔ Leftrightarrow ⇔ iff ⇔ implies ⇒
    mapsto ↦ lesssim ≲ gtrsim ≳ prec ≺ succ ≻ preceq ⪯ succeq ⪰ asymp ≍ leqslant ⩽ geqslant ⩾
    perp ⊥ parallel ∥ models ⊨ vdash ⊢ uparrow ↑ downarrow ↓ hookrightarrow ↪ rightleftharpoons ⇌
    coloneqq ≔ triangleq ≜ subsetneq ⊊ gets ←
    """
)
BINARY = _pairs(
    """
    times × cdot · pm ± mp ∓ div ÷ cup ∪ cap ∩ setminus ∖ oplus ⊕ otimes ⊗ odot ⊙ wedge ∧ vee ∨
    circ ∘ bullet • star ⋆ ast ∗ land ∧ lor ∨ mid | bigcup ⋃ bigcap ⋂
    """
)
ORDINARY = _pairs(
    """
    infty ∞ partial ∂ nabla ∇ forall ∀ exists ∃ emptyset ∅ varnothing ∅ ell ℓ hbar ℏ Re ℜ Im ℑ
    aleph ℵ sum ∑ prod ∏ int ∫ oint ∮ iint ∬ ldots … dots … cdots ⋯ vdots ⋮ ddots ⋱ prime ′
    top ⊤ bot ⊥ angle ∠ triangle △ square □ neg ¬ lnot ¬ langle ⟨ rangle ⟩ lceil ⌈ rceil ⌉
    lfloor ⌊ rfloor ⌋ lvert | rvert | vert | Vert ‖ lVert ‖ rVert ‖ dagger † ddagger ‡ degree °
    S § P ¶ copyright © pounds £ textregistered ® textdegree ° textmu µ checkmark ✓ cmark ✓
    backslash \\ lbrace { rbrace } colon : imath ı jmath ȷ wp ℘ complement ∁ diamond ⋄ flat ♭
    sharp ♯ natural ♮ clubsuit ♣ heartsuit ♥ spadesuit ♠ diamondsuit ♦ odots ⊙ euro € texteuro €
    textendash – textemdash — textquoteleft ‘ textquoteright ’ textquotedblleft “
    textquotedblright ” textellipsis … textbackslash \\ textasciitilde ~ textasciicircum ^
    textunderscore _ textbar | textless < textgreater > textdollar $ textpercent % lq ‘ rq ’
    lt < gt >
    """
)
LETTERS = _pairs(
    """
    aa å AA Å ae æ AE Æ oe œ OE Œ o ø O Ø l ł L Ł ss ß i ı j ȷ dh ð DH Ð th þ TH Þ dj đ DJ Đ
    ng ŋ NG Ŋ
    """
)
OPERATORS = _words(
    """
    log ln exp sin cos tan max min sup inf lim limsup liminf arg det dim ker deg gcd Pr tr
    rank argmax argmin sinh cosh tanh arcsin arccos arctan cot sec csc hom lg bmod mod
    """
)

FONTS = _words(
    """
    textbf textit texttt textsc textrm textsf textup textmd textnormal textsl emph underline
    mbox hbox text mathrm mathbf mathit mathsf mathtt mathcal mathscr mathfrak mathnormal
    boldsymbol bm pmb operatorname ensuremath uline textsuperscript textsubscript mathbb
    mathds mathop mathrel mathbin mathord mathbbm
    """
)
SWITCHES = _words(
    """
    em bf it tt sc rm sf sl cal bfseries itshape ttfamily scshape rmfamily sffamily
    displaystyle textstyle scriptstyle limits nolimits small large Large tiny normalsize
    left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr middle nonumber noindent
    relax protect xspace boldmath unboldmath
    """
)
SPACES = {
    ",": " ", ";": " ", ":": " ", " ": " ", ">": " ", "!": "", "/": "", "-": "", "quad": " ",
    "qquad": " ", "thinspace": " ", "enspace": " ", "space": " ", "newline": " ", "par": " ",
}  # fmt: skip
DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328",
    "r": "\u030a", "d": "\u0323", "b": "\u0331",
}  # fmt: skip
MATH_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
    "tilde": "\u0303", "widetilde": "\u0303", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308",
    "acute": "\u0301", "grave": "\u0300", "check": "\u030c", "breve": "\u0306",
    "mathring": "\u030a",
}  # fmt: skip

SUPERSCRIPTS = dict(
    zip(
        "0123456789+-=()nijkadghlmoprstuvwxyzbcefTABDEGHIJKLMNOPRUVWαβγδθχ⊤′*°∘†",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱʲᵏᵃᵈᵍʰˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵇᶜᵉᶠᵀᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵁⱽᵂᵅᵝᵞᵟᶿᵡᵀ′*°°†",
        strict=True,
    )
)
SUBSCRIPTS = dict(
    zip(
        "0123456789+-=()aehijklmnoprstuvxβγρφχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
        strict=True,
    )
)

SYMBOLS = {**GREEK, **RELATIONS, **BINARY, **ORDINARY}
_COMMAND = re.compile(r"(?:\\ensuremath\{)?\\([A-Za-z]+)\}?\Z")


@cache
def rare_symbols() -> dict[str, str]:
    """Return the symbols beyond the tables above, from pylatexenc's; read on first need."""
    from pylatexenc.latexencode import get_builtin_uni2latex_dict  # noqa: PLC0415

    found: dict[str, str] = {}
    for code, written in get_builtin_uni2latex_dict().items():
        if match := _COMMAND.match(written):
            found.setdefault(match[1], chr(code))
    return found


def symbol(name: str) -> str | None:
    """Return the Unicode of a command without arguments, or None if it is not known."""
    return SYMBOLS.get(name) or LETTERS.get(name) or rare_symbols().get(name)
