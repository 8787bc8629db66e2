"""The configuration: TOML and environment in, one frozen Config out, or ConfigError.

``sections`` holds the tables, ``profiles`` the interest files, ``problems`` the wording of
mistakes, ``load`` the reading.
"""

from digest.config.load import Config, Settings, load_config, masked, reveal
from digest.config.profiles import ProfileFile, load_profile_file, load_profiles

__all__ = [
    "Config",
    "ProfileFile",
    "Settings",
    "load_config",
    "load_profile_file",
    "load_profiles",
    "masked",
    "reveal",
]
