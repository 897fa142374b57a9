"""libvips, set up once for reading and writing: quiet, without a cache, closed to decoders that are not safe."""

from __future__ import annotations

import atexit
import logging

import pyvips


def _silence() -> None:
    """Keep libvips from printing, and GLib, which does where a file claims absurd sizes; errors come as exceptions."""
    logging.getLogger("pyvips").setLevel(logging.CRITICAL + 1)
    levels = pyvips.GLogLevelFlags.LEVEL_WARNING | pyvips.GLogLevelFlags.LEVEL_CRITICAL
    domain = b"GLib-GObject"
    handler = pyvips.glib_lib.g_log_set_handler(domain, levels, pyvips._log_handler_cb, pyvips.ffi.NULL)
    atexit.register(pyvips.glib_lib.g_log_remove_handler, domain, handler)


_silence()
pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)


def reason(error: pyvips.Error) -> str:
    """Return the first telling line of libvips' account."""
    lines = [line.strip() for line in str(error.detail or "").splitlines() if line.strip()]
    return lines[0] if lines else "its data cannot be decoded"
