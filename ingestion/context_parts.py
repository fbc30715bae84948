"""Contexts in two parts: what they say of a page, and the rest, of which there are as many as there are visitors.

A context differs from the one before mostly by its page, and a page is looked at by many. So far fewer texts have to be
read, and searched for what may have to be masked, than there are contexts.

Belongs here: where a text is divided. Does not belong here: what is read from the parts (`settled_rows.py`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

INSTEAD = "?page"  # stands, with a number, where a page was
_PAGE = b'"page":{'
_PAGE_BRACES = 2  # that open: the page's and the one around it
_MARK = f'"{INSTEAD}":'
_PIECES = 3  # what stands before a page, the page with its key, and what follows

_Numbers = npt.NDArray[Any]


class Parts(NamedTuple):
    """Different parts of contexts, and by their numbers which each context has.

    `rests` are contexts with a mark in place of their page, or whole ones; `pages` are contexts of nothing but a page.
    A context that is whole has -1 for its page.
    """

    rests: pa.StringArray
    rest: _Numbers
    pages: pa.StringArray
    page: _Numbers

    @property
    def texts(self) -> pa.StringArray:
        """The rests and then the pages."""
        return pa.concat_arrays([self.rests, self.pages])


def parted(contexts: pa.StringArray) -> Parts:
    """The parts of contexts, each a text of a JSON object without a name that stands twice in an object.

    A page is found in an object of any depth; whoever reads the rest sees if it was in the outermost, where the mark is
    then. What has no page, or one that does not end with its first brace as far as one can see, stays whole.
    """
    pieces = _pieces(contexts).dictionary_encode()
    before, page, after = pieces.indices.to_numpy().reshape(-1, _PIECES).T
    texts = pieces.dictionary
    of_page = np.flatnonzero(np.bincount(page, minlength=len(texts)))
    pages = pc.binary_join_element_wise("{", texts.take(of_page), "}", "")
    is_one = _is_whole(pages)
    of_page, pages = of_page[is_one], pages.filter(pa.array(is_one))
    numbers = np.full(len(texts), -1)
    numbers[of_page] = np.arange(len(of_page))
    # Within a text a quotation mark has a backslash before it; where a comma or brace has, a name begins.
    begins = np.asarray(pc.or_(pc.ends_with(texts, ","), pc.ends_with(texts, "{")))
    rests, rest = _rests(texts, before, after)
    is_marked_once = np.asarray(pc.equal(pc.count_substring(rests, _MARK), 1))
    own = np.where(begins[before] & is_marked_once[rest], numbers[page], -1)
    return whole_again(contexts, Parts(rests, rest, pages, own), own < 0)


def _is_whole(pages: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Which of these, each from its name to its first closing brace, are all of a page.

    If that brace is within a text, the marks before it are odd; if it ends an object inside, that has a brace, too.
    """
    braces, marks, escapes = (pc.count_substring(pages, what).to_numpy() for what in ("{", '"', "\\"))
    return np.asarray((braces == _PAGE_BRACES) & (marks % 2 == 0) & (escapes == 0), np.bool_)


def whole_again(contexts: pa.StringArray, parts: Parts, which: npt.NDArray[np.bool_]) -> Parts:
    """The same with some contexts whole."""
    if not which.any():
        return parts
    whole = contexts.filter(pa.array(which)).dictionary_encode()
    rest = parts.rest.copy()
    rest[which] = len(parts.rests) + whole.indices.to_numpy()
    # Parts that nobody has any more may be no JSON.
    used, rest = np.unique(rest, return_inverse=True)
    rests = pa.concat_arrays([parts.rests, whole.dictionary]).take(used)
    return Parts(rests, rest, parts.pages, np.where(which, -1, parts.page))


def _pieces(contexts: pa.StringArray) -> pa.StringArray:
    """Three pieces of each context, one behind the other in the same memory; of one without a page two are empty."""
    if not len(contexts):
        return contexts
    data = contexts.buffers()[2]
    offsets = np.frombuffer(contexts.buffers()[1], np.int32)[contexts.offset :][: len(contexts) + 1]
    starts, ends = offsets[:-1].tolist(), offsets[1:].tolist()
    # Python looks for a text three times as fast as Arrow does.
    find = data.to_pybytes().find
    pages = [find(_PAGE, start, end) for start, end in zip(starts, ends, strict=True)]
    closes = [page if page < 0 else find(b"}", page, end) for page, end in zip(pages, ends, strict=True)]
    begin, close = np.array(pages), np.array(closes)
    begin, close = np.where(close < 0, ends, begin), np.where(close < 0, ends, close + 1)
    thirds = np.append(np.column_stack([starts, begin, close]).ravel(), ends[-1]).astype(np.int32)
    return pa.StringArray.from_buffers(len(thirds) - 1, pa.py_buffer(thirds), data)


def _rests(texts: pa.StringArray, before: _Numbers, after: _Numbers) -> tuple[pa.StringArray, _Numbers]:
    """What is before and behind each page, with the mark between, and which of these each context has."""
    codes, rest = np.unique(before.astype(np.int64) * len(texts) + after, return_inverse=True)
    first, last = np.divmod(codes, max(len(texts), 1))
    return pc.binary_join_element_wise(texts.take(first), texts.take(last), f"{_MARK}0"), rest
