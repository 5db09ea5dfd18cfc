from setuptools import find_packages, setup

setup(
    name="aloe_pipeline",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    package_data={"aloe_pipeline": ["rounds/report.html"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_pipeline"]),
        ("share/aloe_pipeline", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="The learning loop of ALOE: rounds, evaluation and promotion of policies, node plans, doctor.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "doctor = aloe_pipeline.ros.doctor:main",
            "evaluate = aloe_pipeline.ros.evaluate:main",
            "promote = aloe_pipeline.promote:main",
            "record_demos = aloe_pipeline.ros.record_demos:main",
            "rounds = aloe_pipeline.ros.rounds:main",
        ],
    },
)
