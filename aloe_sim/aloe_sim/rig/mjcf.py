"""MJCF of the simulated rig: arms from primitives, a table, cameras, and a task's objects."""

from collections.abc import Mapping, Sequence
from typing import Any

from aloe_data.rig import Arm, Rig
from aloe_sim.rig.scenery import table_tops_xml
from aloe_sim.tasks.base import Task

PHYSICS_STEP_S = 0.002
USER_DATA = 4  # numbers that a task may keep in MuJoCo's data
FINGER_OPEN_M = 0.045  # travel of each finger

_ACTUATORS = (  # joint, position gain [Nm/rad], torque limit [Nm]
    ("waist", 220, 60),
    ("shoulder", 320, 90),
    ("elbow", 220, 60),
    ("roll", 60, 20),
    ("pitch", 60, 20),
    ("wrist_roll", 40, 15),
)
JOINTS = tuple(name for name, _, _ in _ACTUATORS)  # in the model, whatever the rig file calls them
GRIPPER = "gripper"
_LIGHT_GREY = ".85 .85 .88 1"
_DARK = ".2 .2 .22 1"


def _numbers(values: Sequence[float]) -> str:
    return " ".join(str(float(v)) for v in values)


def _camera(name: str, mount: Mapping[str, Any]) -> str:
    pose = f'pos="{_numbers(mount["xyz"])}" xyaxes="{_numbers(mount["xy_axes"])}"'
    return f'<camera name="{name}" {pose} fovy="{mount["fovy_deg"]}"/>'


def _mounted_cameras(rig: Rig, parent: str) -> str:
    mounts = rig.simulation.cameras
    return "".join(_camera(name, mount) for name, mount in mounts.items() if mount["parent"] == parent)


def _finger(prefix: str, side: str, sign: int) -> str:
    return f"""<body gravcomp="1" name="{prefix}{side}" pos=".03 0 0">
      <joint name="{prefix}{side}" class="finger" axis="0 {sign} 0" range="0 {FINGER_OPEN_M}"/>
      <geom class="pad" type="box" size=".045 .006 .011" pos=".045 {sign * 0.006} 0" mass=".04"/></body>"""


def arm_body(rig: Rig, arm: Arm) -> str:
    """One 6-DoF arm with a parallel gripper; its kinematics are those of config/sim_arm.urdf (a test compares them)."""
    p = f"{arm.name}/"
    x, y, z = arm.base_xyz
    ranges = [f'range="{joint.lower} {joint.upper}"' for joint in arm.joints]
    limits = dict(zip(JOINTS, ranges, strict=True))
    return f"""
<body name="{p}base" pos="{x} {y} {z}" euler="{_numbers(arm.base_rpy)}">
 <geom class="visual" type="cylinder" size=".06 .05" pos="0 0 .05" rgba=".15 .15 .17 1"/>
 <body gravcomp="1" name="{p}link1" pos="0 0 .10"><joint name="{p}waist" class="big" axis="0 0 1" {limits["waist"]}/>
  <inertial pos="0 0 .03" mass="0.8" diaginertia=".002 .002 .002"/>
  <geom class="visual" type="cylinder" size=".05 .045" pos="0 0 .045" rgba="{_LIGHT_GREY}"/>
  <body gravcomp="1" name="{p}link2" pos="0 0 .06"><joint name="{p}shoulder" class="big" axis="0 1 0" {limits["shoulder"]}/>
   <geom class="link" type="capsule" fromto="0 0 0 0 0 .30" size=".035" mass="0.9" rgba="{_LIGHT_GREY}"/>
   <body gravcomp="1" name="{p}link3" pos="0 0 .30"><joint name="{p}elbow" class="big" axis="0 1 0" {limits["elbow"]}/>
    <geom class="link" type="capsule" fromto="0 0 0 .18 0 0" size=".03" mass="0.6" rgba="{_DARK}"/>
    <body gravcomp="1" name="{p}link4" pos=".20 0 0"><joint name="{p}roll" class="small" axis="1 0 0" {limits["roll"]}/>
     <geom class="link" type="capsule" fromto="0 0 0 .10 0 0" size=".026" mass="0.3" rgba="{_LIGHT_GREY}"/>
     <body gravcomp="1" name="{p}link5" pos=".10 0 0"><joint name="{p}pitch" class="small" axis="0 1 0" {limits["pitch"]}/>
      <geom class="link" type="capsule" fromto="0 0 0 .05 0 0" size=".025" mass="0.2" rgba="{_DARK}"/>
      <body gravcomp="1" name="{p}link6" pos=".065 0 0">
       <joint name="{p}wrist_roll" class="small" axis="1 0 0" {limits["wrist_roll"]}/>
       <geom class="link" type="box" size=".02 .055 .02" pos=".01 0 0" mass="0.25" rgba="{_LIGHT_GREY}"/>
       <site name="{p}tool" pos=".115 0 0" size=".004" rgba="0 1 0 0"/>
       {_mounted_cameras(rig, arm.name)}
       <geom class="visual" type="box" size=".012 .02 .012" pos="-.005 0 .075" rgba=".05 .05 .05 1"/>
       {_finger(p, "finger_left", 1)}{_finger(p, "finger_right", -1)}
      </body></body></body></body></body></body></body>"""


def _arm_extras(arm: Arm) -> tuple[str, str, str, str]:
    """Tendon, equality, contact exclusion and actuators of one arm."""
    p = f"{arm.name}/"
    left = f"{p}finger_left"
    right = f"{p}finger_right"
    tendon = f'<fixed name="{p}gripper"><joint joint="{left}" coef=".5"/><joint joint="{right}" coef=".5"/></fixed>'
    equality = f'<joint joint1="{left}" joint2="{right}" solref=".004 1"/>'
    exclude = f'<exclude body1="{left}" body2="{right}"/>'
    actuators = "".join(
        f'<position name="{p}{name}" joint="{p}{name}" kp="{gain}" dampratio="1" inheritrange="1" '
        f'forcerange="-{torque} {torque}"/>'
        for name, gain, torque in _ACTUATORS
    )
    actuators += (
        f'<position name="{p}gripper" tendon="{p}gripper" kp="900" kv="25" ctrlrange="0 {FINGER_OPEN_M}" '
        'forcerange="-40 40"/>'
    )
    return tendon, equality, exclude, actuators


def scene_xml(rig: Rig, task: Task, *, offscreen: tuple[int, int] = (640, 480)) -> str:
    """The whole model.

    Args:
        rig: Description of the arms and cameras; `rig.simulation.cameras` says where each camera is mounted.
        task: Task with its objects, its constraints and its options of the solver.
        offscreen: Largest width and height [px] that will be rendered.
    """
    tendons, equalities, excludes, actuators = ("".join(part) for part in zip(*map(_arm_extras, rig.arms), strict=True))
    arms = "".join(arm_body(rig, arm) for arm in rig.arms)
    options = {"timestep": PHYSICS_STEP_S, "integrator": "implicitfast", "cone": "elliptic", "impratio": 10}
    option = " ".join(f'{name}="{value}"' for name, value in (options | dict(task.options)).items())
    equalities += task.constraints_xml([arm.name for arm in rig.arms])
    contact = 'solref=".004 1" solimp=".95 .99 .001"'
    return f"""<mujoco model="{rig.name}"><compiler angle="radian" autolimits="true"/>
<option {option}/><size memory="64M" nuserdata="{USER_DATA}"/>
<visual><global offwidth="{offscreen[0]}" offheight="{offscreen[1]}"/>
 <quality shadowsize="1024" offsamples="0" numslices="16" numstacks="8" numquads="1"/>
 <headlight ambient=".45 .45 .45" diffuse=".4 .4 .4" specular=".1 .1 .1"/><map znear=".02" zfar="20"/></visual>
<default>
 <default class="visual"><geom contype="0" conaffinity="0" group="1" mass="0"/></default>
 <default class="link"><geom contype="2" conaffinity="4" group="1"/></default>
 <default class="pad"><geom contype="1" conaffinity="1" friction="1.5 .02 .001" condim="4" rgba=".1 .1 .1 1" {contact}/></default>
 <default class="object"><geom contype="1" conaffinity="1" friction=".7 .01 .001" condim="4" {contact}/></default>
 <default class="big"><joint damping="4" armature=".08" frictionloss=".1"/></default>
 <default class="small"><joint damping="1" armature=".02" frictionloss=".05"/></default>
 <default class="finger"><joint type="slide" damping="8" armature=".05"/></default>
</default>
<asset><texture name="wood" type="2d" builtin="checker" rgb1=".62 .55 .45" rgb2=".58 .51 .42" width="64" height="64"/>
 <material name="wood" texture="wood" texrepeat="6 6"/>{table_tops_xml(task.variation)}</asset>
<worldbody>
 <light pos=".3 .4 1.6" dir="0 -.2 -1" directional="true" diffuse=".5 .5 .5" castshadow="true"/>
 <geom name="table" type="box" size=".45 .6 .02" pos=".3 0 -.02" material="wood" contype="1" conaffinity="5"
  friction=".7 .01 .001" condim="4"/>
 {_mounted_cameras(rig, "world")}{arms}{task.objects_xml()}
</worldbody>
<tendon>{tendons}</tendon><equality>{equalities}</equality><contact>{excludes}</contact>
<actuator>{actuators}</actuator></mujoco>"""
