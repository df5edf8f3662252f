"""Settings of the embedded server: modest enough to share a machine, durable without exception."""

import os
from pathlib import Path

MIB = 1024 * 1024


def memory() -> int:
    """Memory that this machine or container may use, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(limit).read_text()))
        except (OSError, ValueError):
            continue
    return total


def settings() -> dict[str, str]:
    """Server settings for daily use."""
    total = memory() // MIB
    return {
        "shared_buffers": f"{min(max(total // 8, 64), 2048)}MB",
        "effective_cache_size": f"{max(total // 2, 128)}MB",
        "maintenance_work_mem": f"{min(max(total // 32, 32), 256)}MB",
        "work_mem": "16MB" if total > 4096 else "4MB",
        "max_wal_size": "2GB" if total > 4096 else "1GB",
        "checkpoint_timeout": "15min",
        # What the archive of the log has not received yet is kept for it, but never until the disk is full.
        "max_slot_wal_keep_size": "8GB",
        # What a firm works with lies in memory: reading a row there costs a microsecond, and going through a long list
        # of an index is not as good as free beside that. The usual figures are those of disks.
        "seq_page_cost": "0.2",
        "random_page_cost": "0.22",
        # Many people ask small questions at the same time: one that takes both processors makes the others wait.
        "max_parallel_workers_per_gather": "0" if (os.cpu_count() or 1) <= 2 else "2",
        # Pages are small queries: compiling them costs more than it saves.
        "jit": "off",
        "max_connections": "100",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %d ",
    }


def throw_away_settings() -> dict[str, str]:
    """Server settings for tests: quick, and lost in any crash."""
    return settings() | {
        "shared_buffers": "128MB",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
    }
