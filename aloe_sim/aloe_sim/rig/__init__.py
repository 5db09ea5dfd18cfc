"""The simulated rig: MuJoCo's model and physics, cameras and scenery, driver relays, and real time."""
