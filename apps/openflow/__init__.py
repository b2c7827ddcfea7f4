"""Rules to OpenFlow bytes and back, and one switch's connection."""
