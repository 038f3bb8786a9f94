"""From intent to desired state: pure, deterministic, total on valid intent.

Nothing compiled is ever stored, so nothing compiled can be stale. The same intent gives the same
bytes whatever order it is read in, and what concerns many hosts is built once.
"""

from controller.compiler.fragment import compile_fragment
from controller.compiler.host_state import CompiledHost, compile_host, compile_hosts, host_state

__all__ = ["CompiledHost", "compile_fragment", "compile_host", "compile_hosts", "host_state"]
